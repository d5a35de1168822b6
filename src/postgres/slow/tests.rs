//! What a server that only adds up says of what is new.

use proptest::prelude::*;

use super::*;

const BOUND: Duration = Duration::from_secs(1);

/// A statement as the extension counts it.
#[derive(Clone, Debug, Default)]
struct Counted {
    id: i64,
    calls: Vec<f64>,
    since: Option<f64>,
    shortest: bool,
}

impl Counted {
    fn of(id: i64, calls: &[f64]) -> Self {
        Counted { id, calls: calls.to_vec(), since: None, shortest: true }
    }

    fn since(self, since: f64) -> Self {
        Counted { since: Some(since), shortest: false, ..self }
    }

    fn longest(&self) -> f64 {
        self.calls.iter().copied().fold(0.0, f64::max)
    }

    fn row(&self, clock: f64, started: f64) -> Row {
        let shortest = self.calls.iter().copied().fold(f64::INFINITY, f64::min);
        let squares: f64 = self.calls.iter().map(|seconds| seconds * seconds).sum();
        let numbers = [self.calls.iter().sum(), self.longest(), squares];
        let numbers = numbers.into_iter().map(Some).chain([self.shortest.then_some(shortest), self.since]);
        let whole = ["10", "5", "1", &self.id.to_string(), "app", &self.calls.len().to_string()];
        [clock, started]
            .map(|number| number.to_string())
            .into_iter()
            .chain(whole.map(str::to_owned))
            .map(Some)
            .chain(numbers.map(|number| number.map(|number: f64| number.to_string())))
            .collect()
    }
}

/// A server that says these, started at 0 and asked at some time.
fn answer(clock: f64, counted: &[Counted]) -> Vec<Row> {
    let slow = counted.iter().filter(|one| one.longest() >= BOUND.as_secs_f64());
    let rows: Vec<Row> = slow.map(|one| one.row(clock, 0.0)).collect();
    match rows.is_empty() {
        // The clock is always told.
        true => vec![
            [clock, 0.0].map(|number| Some(number.to_string())).into_iter().chain(vec![None; 11]).collect(),
        ],
        false => rows,
    }
}

fn told(looks: &mut Looks, clock: f64, counted: &[Counted]) -> Vec<(i64, Calls)> {
    looks.take(&answer(clock, counted), BOUND).into_iter().map(|one| (one.id, one.calls)).collect()
}

fn calls(count: u64, total: f64, max: f64) -> Calls {
    Calls { count, total, max, last: total / count as f64 }
}

#[test]
fn what_was_before_the_first_look_is_not_told_and_what_comes_after_it_once() {
    let mut looks = Looks::default();
    assert_eq!(told(&mut looks, 10.0, &[Counted::of(1, &[5.0, 3.0])]), []);
    assert_eq!(told(&mut looks, 20.0, &[Counted::of(1, &[5.0, 3.0])]), []);
    let after = told(&mut looks, 30.0, &[Counted::of(1, &[5.0, 3.0, 2.0, 4.0])]);
    assert_eq!(after.len(), 1);
    let Calls { count, total, max, last } = after[0].1;
    assert_eq!((count, total, last), (2, 6.0, 3.0));
    assert!((3.0..=4.0).contains(&max), "no call was longer, and one as long as the mean: {max}");
    assert_eq!(told(&mut looks, 40.0, &[Counted::of(1, &[5.0, 3.0, 2.0, 4.0])]), []);
}

#[test]
fn a_slow_call_among_quick_ones_is_told_alone() {
    let mut looks = Looks::default();
    let mut statement = Counted::of(1, &[2.0]);
    told(&mut looks, 10.0, &[statement.clone()]);
    statement.calls.extend([0.001; 50]);
    assert_eq!(told(&mut looks, 20.0, &[statement.clone()]), []);
    // Longer than any before, and not.
    statement.calls.extend([0.001, 3.0, 0.001, 0.001, 0.001, 0.001]);
    assert_eq!(told(&mut looks, 30.0, &[statement.clone()]), [(1, Calls::one(3.0))]);
    statement.calls.extend([0.001, 1.5, 0.001]);
    let one = told(&mut looks, 40.0, &[statement])[0].1;
    assert!(one.count == 1 && (1.4..=1.5).contains(&one.max), "{one:?}");
}

#[test]
fn of_one_that_is_new_all_calls_count_and_of_one_that_was_never_slow_the_slow_one() {
    let mut looks = Looks::default();
    told(&mut looks, 10.0, &[]);
    // Quick ones may have been before the last look.
    let all = [Counted::of(1, &[2.0, 4.0]), Counted::of(2, &[0.5, 7.0])];
    assert_eq!(told(&mut looks, 20.0, &all), [(2, Calls::one(7.0)), (1, calls(2, 6.0, 4.0))]);
    // Since 1.11 the extension says since when it counts.
    let all = [&all[..], &[Counted::of(3, &[0.5, 7.5]).since(25.0), Counted::of(4, &[0.5, 9.0]).since(15.0)]];
    let expected = [(4, Calls::one(9.0)), (3, calls(2, 8.0, 7.5))];
    assert_eq!(told(&mut looks, 30.0, &all.concat()), expected);
}

#[test]
fn after_a_reset_what_is_counted_is_new() {
    for counted_since in [None, Some((1.0, 15.0))] {
        let statement = |calls: &[f64], since: fn((f64, f64)) -> f64| match counted_since {
            Some(moments) => Counted::of(1, calls).since(since(moments)),
            None => Counted::of(1, calls),
        };
        let mut looks = Looks::default();
        told(&mut looks, 10.0, &[statement(&[5.0, 5.0, 5.0], |since| since.0)]);
        let after = told(&mut looks, 20.0, &[statement(&[2.0, 3.0], |since| since.1)]);
        assert_eq!(after, [(1, calls(2, 5.0, 3.0))], "{counted_since:?}");
    }
    // Though it has been called as often as before already.
    let mut looks = Looks::default();
    told(&mut looks, 10.0, &[Counted::of(1, &[2.0]).since(1.0)]);
    let again = told(&mut looks, 20.0, &[Counted::of(1, &[3.0, 3.0]).since(15.0)]);
    assert_eq!(again, [(1, calls(2, 6.0, 3.0))]);
}

#[test]
fn a_server_that_has_restarted_goes_on_and_another_one_begins_anew() {
    let row = |clock, started, calls: &[f64], since| Counted::of(1, calls).since(since).row(clock, started);
    let mut looks = Looks::default();
    looks.take(&[row(100.0, 50.0, &[2.0], 60.0)], BOUND);
    let kept = looks.take(&[row(200.0, 150.0, &[2.0, 3.0], 60.0)], BOUND);
    assert_eq!(kept[0].calls, Calls::one(3.0));
    // It crashed, and has lost its statistics.
    let lost = looks.take(&[row(300.0, 250.0, &[4.0], 251.0)], BOUND);
    assert_eq!(lost[0].calls, Calls::one(4.0));
    // A standby that stands in has run for long.
    assert_eq!(looks.take(&[row(400.0, 20.0, &[9.0; 50], 30.0)], BOUND), []);
    let other = looks.take(&[row(500.0, 20.0, &[9.0; 51], 30.0)], BOUND);
    assert_eq!((other[0].calls.count, other[0].calls.total), (1, 9.0));
}

#[test]
fn a_bound_that_has_changed_begins_anew() {
    let mut looks = Looks::default();
    let statement = Counted::of(1, &[2.0, 2.0]);
    looks.take(&[statement.row(10.0, 0.0)], Duration::from_secs(3));
    assert_eq!(told(&mut looks, 20.0, &[statement]), []);
    assert_eq!(told(&mut looks, 30.0, &[Counted::of(1, &[2.0; 3])]), [(1, calls(1, 2.0, 2.0))]);
}

#[test]
fn beyond_the_bound_nobody_knows_what_is_new() {
    let mut looks = Looks::default();
    let many: Vec<Counted> = (0..MOST as i64).map(|id| Counted::of(id, &[2.0])).collect();
    told(&mut looks, 10.0, &many);
    let mut others = many.clone();
    others[7] = Counted::of(5000, &[2.0]);
    others[8].calls.push(3.0);
    assert_eq!(told(&mut looks, 20.0, &others), [(8, Calls::one(3.0))]);
}

#[test]
fn texts_are_asked_for_once_and_bounded() {
    let extension = Extension { schema: "public".to_owned(), version: (1, 10) };
    let mut looks = Looks::default();
    told(&mut looks, 0.0, &[]);
    let text = |id: i64, text: &str| vec![Some(id.to_string()), Some(text.to_owned())];
    for round in 0..4 {
        let ids = round * 1000..round * 1000 + MOST_SLOW as i64 + 20;
        let statements: Vec<Counted> = ids.map(|id| Counted::of(id, &[2.0])).collect();
        let slow = looks.take(&answer(10.0, &statements), BOUND);
        assert_eq!(slow.len(), MOST_SLOW);
        assert!(looks.question_for_texts(&extension, &slow).unwrap().contains(&slow[0].id.to_string()));
        let refused = text(slow[1].id, "<insufficient privilege>");
        looks.take_texts(&slow, &[text(slow[0].id, "SELECT 'secret'"), refused]);
        assert_eq!(looks.question_for_texts(&extension, &slow), None);
        assert_eq!(looks.statement(slow[0].id).unwrap().text, "SELECT ?");
        assert_eq!(looks.statement(slow[1].id), None);
        assert!(looks.texts.len() <= MOST_TEXTS);
    }
}

#[test]
fn columns_are_those_of_the_extension() {
    let question = |minor| question(&Extension { schema: "s".to_owned(), version: (1, minor) }, BOUND);
    for (minor, top_level, info, own) in
        [(8, false, false, false), (9, true, true, false), (10, true, true, false), (11, true, false, true)]
    {
        let text = question(minor);
        let has = ["toplevel", "pg_stat_statements_info", "stats_since"].map(|column| text.contains(column));
        assert_eq!(has, [top_level, info, own], "1.{minor}");
        assert!(text.contains("max_exec_time >= 1000 "), "{text}");
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_none() {
    for row in [vec![], vec![None; 13], vec![Some("NaN".to_owned()); 13], vec![Some("-1".to_owned()); 13]] {
        let mut looks = Looks::default();
        assert_eq!(looks.take(std::slice::from_ref(&row), BOUND), []);
        assert_eq!(looks.take(&[row.clone(), row], BOUND), []);
    }
}

proptest! {
    /// Whatever is called between looks: what is told has happened, and what is slow in the mean
    /// or longer than ever is told.
    #[test]
    fn what_is_told_has_happened(
        batches in proptest::collection::vec(proptest::collection::vec(0.0_f64..3.0, 0..6), 1..8),
    ) {
        let mut looks = Looks::default();
        let mut statement = Counted::of(1, &[]);
        for (index, batch) in batches.iter().enumerate() {
            let before = statement.longest();
            statement.calls.extend(batch);
            let told = told(&mut looks, 10.0 * index as f64, &[statement.clone()]);
            let sum: f64 = batch.iter().sum();
            let longest = batch.iter().copied().fold(0.0, f64::max);
            for (_, calls) in &told {
                prop_assert!(calls.count <= batch.len() as u64 && calls.total <= sum + 1e-6);
                prop_assert!(calls.max <= longest + 1e-6 && calls.max >= BOUND.as_secs_f64());
            }
            let slow_in_the_mean = sum >= batch.len() as f64;
            if index > 0 && longest >= 1.0 && (longest > before || before >= 1.0 && slow_in_the_mean) {
                prop_assert_eq!(told.len(), 1);
            }
        }
    }
}
