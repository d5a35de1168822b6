//! One file: a header, and frames with a checksum each. Pure: bytes in, bytes out.
//!
//! A frame is `length`, `CRC-32` (both little-endian `u32`) and that many bytes of entries: whose a
//! series is, a row, or that everything after a time was taken back. Rows are differences to the
//! row before of the same series in the same file, so that a file can be read, or deleted, by
//! itself. Reading ends at the first frame that is torn or was changed: what follows cannot be
//! read without it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bin::{coarse, fine};
use super::codec::{MAX_TIME, State, put, take};
use super::crc::crc32;
use super::field::{About, Key};
use super::store::Row;
use super::tier::Step;
use crate::tenant::{LabelValue, Tenant};

/// How a file begins; the number of its form, the end of the line and the step follow.
const MAGIC: &[u8; 18] = b"dockmeter history ";

/// The form of files that is written and read here: a digit. It is another one whenever rows have
/// other columns, since nothing in a row says what its columns mean.
/// 1 had statuses and three shares of the machine; 2 has its figures, too.
pub(super) const FORM: u8 = b'2';

/// The length of a header.
pub(super) const HEADER: usize = MAGIC.len() + 3;

/// The longest frame that is believed; a tick of ten thousand containers is a quarter of it.
const MAX_FRAME: usize = 16 << 20;

/// Kinds of entries.
const ABOUT: u8 = 1;
const ROW: u8 = 2;
const REWIND: u8 = 3;

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    /// A row, and whose its series is.
    Row(Row, Option<Arc<About>>),
    /// Everything after a time was taken back.
    Rewind(i64),
}

/// Goes on with a file: what it has said of each series so far.
#[derive(Debug)]
pub(super) struct Writer {
    step: Step,
    numbers: BTreeMap<Key, usize>,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    key: Key,
    about: Option<Arc<About>>,
    state: State,
}

impl Writer {
    pub(super) fn new(step: Step) -> Self {
        Writer { step, numbers: BTreeMap::new(), series: Vec::new() }
    }

    /// How the file begins.
    pub(super) fn header(&self) -> Vec<u8> {
        MAGIC.iter().copied().chain([FORM, b'\n', self.step as u8]).collect()
    }

    /// One frame of rows of this step; nothing if there are none.
    pub(super) fn rows<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a Row, Option<&'a Arc<About>>)>,
    ) -> Vec<u8> {
        let mut payload = Vec::new();
        for (row, about) in rows {
            let number = self.number(row.key, about, &mut payload);
            payload.push(ROW);
            put(number as u128, &mut payload);
            self.series[number].state.encode(row.at, &row.columns, &mut payload);
        }
        if payload.is_empty() { payload } else { framed(&payload) }
    }

    /// One frame that takes back everything after a time.
    pub(super) fn rewind(after: i64) -> Vec<u8> {
        let mut payload = vec![REWIND];
        put((i128::from(after) + i128::from(MAX_TIME)).max(0) as u128, &mut payload);
        framed(&payload)
    }

    /// The number of a series in this file; says whose it is where that is new.
    fn number(&mut self, key: Key, about: Option<&Arc<About>>, payload: &mut Vec<u8>) -> usize {
        let known = self.numbers.get(&key).copied();
        if let Some(number) = known.filter(|number| self.series[*number].about.as_ref() == about) {
            return number;
        }
        let number = known.unwrap_or(self.series.len());
        payload.push(ABOUT);
        put(number as u128, payload);
        let text = |text: &str, payload: &mut Vec<u8>| {
            put(text.len() as u128, payload);
            payload.extend_from_slice(text.as_bytes());
        };
        match key {
            Key::System => text("", payload),
            Key::Container(id) => text(&id.to_string(), payload),
        }
        payload.push(about.is_some().into());
        if let Some(About { name, tenant: Tenant { user, project, team } }) = about.map(|about| &**about) {
            [name, user, project, team].into_iter().for_each(|value| text(value.as_str(), payload));
        }
        self.know(number, key, about.cloned());
        number
    }

    fn know(&mut self, number: usize, key: Key, about: Option<Arc<About>>) {
        if let Some(series) = self.series.get_mut(number) {
            series.about = about;
            return;
        }
        let shape = if self.step == Step::Seconds5 { fine(key) } else { coarse(key) };
        self.numbers.insert(key, number);
        self.series.push(Series { key, about, state: State::new(shape) });
    }

    /// The entries of a frame; `None` if they make no sense.
    fn read(&mut self, mut bytes: &[u8]) -> Option<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(kind) = bytes.split_off_first() {
            match *kind {
                ABOUT => self.read_about(&mut bytes)?,
                ROW => {
                    let number = usize::try_from(take(&mut bytes)?).ok()?;
                    let series = self.series.get_mut(number)?;
                    let (at, columns) = series.state.decode(&mut bytes)?;
                    let row = Row { step: self.step, key: series.key, at, columns };
                    entries.push(Entry::Row(row, series.about.clone()));
                }
                REWIND => {
                    let after = i128::try_from(take(&mut bytes)?).ok()? - i128::from(MAX_TIME);
                    entries.push(Entry::Rewind(i64::try_from(after).ok()?));
                }
                _ => return None,
            }
        }
        Some(entries)
    }

    fn read_about(&mut self, bytes: &mut &[u8]) -> Option<()> {
        fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
            let length = usize::try_from(take(bytes)?).ok()?;
            std::str::from_utf8(bytes.split_off(..length)?).ok()
        }
        let number = usize::try_from(take(bytes)?).ok()?;
        let key = match text(bytes)? {
            "" => Key::System,
            id => Key::Container(id.parse().ok()?),
        };
        let mut about = None;
        if *bytes.split_off_first()? == 1 {
            let mut value = || text(bytes).map(LabelValue::clean);
            let name = value()?;
            let tenant = Tenant { user: value()?, project: value()?, team: value()? };
            about = Some(Arc::new(About { name, tenant }));
        }
        let fits = self.series.get(number).map_or(number == self.series.len(), |series| series.key == key);
        fits.then(|| self.know(number, key, about))
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 8);
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&crc32(payload).to_le_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// What came of reading a file.
#[derive(Debug)]
pub(super) struct ReadSegment {
    /// So many bytes are whole.
    pub(super) whole: usize,
    /// Goes on behind them; `None` if that cannot be.
    pub(super) writer: Option<Writer>,
    /// The earliest and the latest row.
    pub(super) span: Option<(i64, i64)>,
}

/// The form of a file that is of another one.
pub(super) fn other_form(bytes: &[u8]) -> Option<u8> {
    let (form, rest) = bytes.strip_prefix(MAGIC)?.split_first()?;
    (form.is_ascii_digit() && *form != FORM && rest.starts_with(b"\n")).then_some(*form)
}

/// Reads a file of a step from its beginning to the first thing that is no whole frame.
pub(super) fn read(step: Step, bytes: &[u8], mut each: impl FnMut(Entry)) -> ReadSegment {
    let mut writer = Writer::new(step);
    if !bytes.starts_with(&writer.header()) {
        return ReadSegment { whole: 0, writer: None, span: None };
    }
    let (mut whole, mut span) = (HEADER, None::<(i64, i64)>);
    while let Some((payload, rest)) = frame(&bytes[whole..]) {
        let Some(entries) = writer.read(payload) else {
            return ReadSegment { whole, writer: None, span };
        };
        for entry in entries {
            if let Entry::Row(row, _) = &entry {
                let (first, last) = span.unwrap_or((row.at, row.at));
                span = Some((first.min(row.at), last.max(row.at)));
            }
            each(entry);
        }
        whole = bytes.len() - rest.len();
    }
    ReadSegment { whole, writer: Some(writer), span }
}

/// The payload of the first frame, and what follows it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_FRAME)?;
    let (payload, rest) = rest.split_at_checked(length)?;
    (crc32(payload) == u32::from_le_bytes(*sum)).then_some((payload, rest))
}
