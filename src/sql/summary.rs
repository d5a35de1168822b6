//! Operations with their targets: OpenTelemetry's `db.query.summary`.

/// Longest summary, in bytes.
const LONGEST: usize = 255;

/// A summary in the making.
#[derive(Debug, Default)]
pub(super) struct Summary(String);

impl Summary {
    /// Appends a word that is never cut; nothing follows one that had no room.
    pub(super) fn push(&mut self, word: &str) {
        let space = usize::from(!self.0.is_empty());
        if self.0.len() + space + word.len() > LONGEST {
            // Full: nothing shorter may follow what is missing.
            self.0.push_str(&" ".repeat(LONGEST.saturating_sub(self.0.len())));
            return;
        }
        if space == 1 {
            self.0.push(' ');
        }
        self.0.push_str(word);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was appended since it had this length.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// The words, or what stands for them where there are none.
    pub(super) fn finish(self, otherwise: &str) -> String {
        let words = self.0.trim_end();
        if words.is_empty() { otherwise.to_owned() } else { words.to_owned() }
    }
}
