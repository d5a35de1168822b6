//! Which images containers ran, and since when.

use super::{Meaning, Measure, Of, Taken};

/// When a container that ran in a step was started, in seconds since 1970, by its image. Two jobs that
/// scrape one dockmeter tell the same twice: of both the higher counts.
pub static STARTED: Measure = Measure {
    name: "version_start_time_seconds",
    words: "start",
    meaning: Meaning::Load,
    least_change: 0.0,
    expression: "max by ($) (max by (user, project, team, name, image, instance, id) (last_over_time(container_start_time_seconds{@}[])) * on (instance, id) group_left (image_id) max by (instance, id, image_id) (last_over_time(container_info{@}[])))",
    of: Of::Container,
    apart: &["image", "image_id"],
    taken: Taken::Together,
};
