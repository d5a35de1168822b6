// Prometheus's own receiver of OTLP, which Debian's packages leave out, with a map behind it
// instead of a database: the last sample of each series, until it is marked as stale.
//
// It says on its first line where it listens. `POST` takes what `/api/v1/otlp/v1/metrics` of
// Prometheus takes, `GET` answers with the rows of an instant query for everything.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
)

// row is a series in the form that Prometheus's HTTP API has for it.
type row struct {
	Metric    map[string]string `json:"metric"`
	Value     []any             `json:"value,omitempty"`
	Histogram []any             `json:"histogram,omitempty"`
	at        int64
}

// held is what has been received.
type held struct {
	sync.Mutex
	rows map[string]row
}

func (h *held) Appender(context.Context) storage.Appender { return appender{h} }

// appender puts samples into the map at once: no request here is taken back.
type appender struct{ *held }

func text(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }

func (a appender) put(ls labels.Labels, t int64, stale bool, r row) (storage.SeriesRef, error) {
	// As the database would.
	ls = ls.WithoutEmpty()
	a.Lock()
	defer a.Unlock()
	known, found := a.rows[ls.String()]
	switch {
	case found && t < known.at:
		return 0, storage.ErrOutOfOrderSample
	case found && t == known.at:
		return 0, storage.ErrDuplicateSampleForTimestamp
	case stale:
		delete(a.rows, ls.String())
	default:
		r.Metric, r.at = ls.Map(), t
		a.rows[ls.String()] = r
	}
	return 0, nil
}

func (a appender) Append(_ storage.SeriesRef, ls labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	return a.put(ls, t, value.IsStaleNaN(v), row{Value: []any{0, text(v)}})
}

func (a appender) AppendHistogram(_ storage.SeriesRef, ls labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	if h != nil {
		if err := h.Validate(); err != nil {
			return 0, err
		}
		fh = h.ToFloat(nil)
	}
	buckets := [][]any{}
	for all := fh.AllBucketIterator(); all.Next(); {
		if bucket := all.At(); bucket.Count != 0 {
			buckets = append(buckets, []any{0, text(bucket.Lower), text(bucket.Upper), text(bucket.Count)})
		}
	}
	shown := map[string]any{"count": text(fh.Count), "sum": text(fh.Sum), "buckets": buckets}
	return a.put(ls, t, value.IsStaleNaN(fh.Sum), row{Histogram: []any{0, shown}})
}

func (appender) AppendExemplar(storage.SeriesRef, labels.Labels, exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, nil
}

func (appender) AppendCTZeroSample(storage.SeriesRef, labels.Labels, int64, int64) (storage.SeriesRef, error) {
	return 0, nil
}

func (appender) AppendHistogramCTZeroSample(storage.SeriesRef, labels.Labels, int64, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, nil
}

func (appender) UpdateMetadata(storage.SeriesRef, labels.Labels, metadata.Metadata) (storage.SeriesRef, error) {
	return 0, nil
}

func (appender) SetOptions(*storage.AppendOptions) {}
func (appender) Commit() error                     { return nil }
func (appender) Rollback() error                   { return nil }

func (h *held) ServeHTTP(answer http.ResponseWriter, _ *http.Request) {
	h.Lock()
	defer h.Unlock()
	rows := []row{}
	for _, row := range h.rows {
		rows = append(rows, row)
	}
	_ = json.NewEncoder(answer).Encode(rows)
}

func main() {
	store := &held{rows: map[string]row{}}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	defaults := func() config.Config { return config.DefaultConfig }
	receiver := remote.NewOTLPWriteHandler(log, nil, store, defaults, remote.OTLPOptions{ConvertDelta: true})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Error("no address", "err", err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	both := http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost {
			receiver.ServeHTTP(answer, request)
		} else {
			store.ServeHTTP(answer, request)
		}
	})
	log.Error("ended", "err", http.Serve(listener, both))
	os.Exit(1)
}
