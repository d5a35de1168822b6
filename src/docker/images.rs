//! The labels of images, asked for once an image and dropped with its last container.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::types::{Answer, Labels};

/// Image inspects at once: there are few images, and containers come first.
const MAX_IN_FLIGHT: usize = 2;

/// What is known of an image's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ImageLabels {
    /// They are being asked for.
    Pending,
    /// They are these.
    Known(Arc<Labels>),
    /// The engine could not or would not say.
    Unknown,
}

#[derive(Debug)]
enum Image {
    Wanted,
    Asked,
    Known(Arc<Labels>),
    /// It does not exist any more.
    Gone,
    /// The call failed; the next list asks again.
    Failed,
}

/// The images of all known containers, by id or, where no id is known, by reference.
#[derive(Debug, Default)]
pub(super) struct Images {
    images: BTreeMap<String, Image>,
    in_flight: usize,
}

impl Images {
    /// Makes sure that an image is or will be known.
    pub(super) fn want(&mut self, key: &str) {
        if !self.images.contains_key(key) {
            self.images.insert(key.to_owned(), Image::Wanted);
        }
    }

    /// The next image to ask for, if one may be asked for now.
    pub(super) fn next_call(&mut self) -> Option<String> {
        if self.in_flight >= MAX_IN_FLIGHT {
            return None;
        }
        let (key, image) = self.images.iter_mut().find(|(_, image)| matches!(image, Image::Wanted))?;
        *image = Image::Asked;
        self.in_flight += 1;
        Some(key.clone())
    }

    /// Takes an answer.
    pub(super) fn answered(&mut self, key: &str, answer: Answer<Labels>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(image) = self.images.get_mut(key) {
            *image = match answer {
                Answer::Found(labels) => Image::Known(Arc::new(labels)),
                Answer::Gone => Image::Gone,
                Answer::Failed => Image::Failed,
            };
        }
    }

    /// The calls in flight will not be answered any more.
    pub(super) fn forget_calls(&mut self) {
        self.in_flight = 0;
        for image in self.images.values_mut().filter(|image| matches!(image, Image::Asked)) {
            *image = Image::Wanted;
        }
    }

    /// Asks once more for those that failed.
    pub(super) fn retry_failed(&mut self) {
        for image in self.images.values_mut().filter(|image| matches!(image, Image::Failed)) {
            *image = Image::Wanted;
        }
    }

    /// Drops the images that no container uses any more.
    pub(super) fn retain(&mut self, used: &BTreeSet<&str>) {
        self.images.retain(|key, _| used.contains(key.as_str()));
    }

    /// What is known of an image.
    pub(super) fn labels(&self, key: &str) -> ImageLabels {
        match self.images.get(key) {
            Some(Image::Known(labels)) => ImageLabels::Known(labels.clone()),
            Some(Image::Gone | Image::Failed) => ImageLabels::Unknown,
            Some(Image::Wanted | Image::Asked) | None => ImageLabels::Pending,
        }
    }

    /// How many images are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.images.len()
    }
}
