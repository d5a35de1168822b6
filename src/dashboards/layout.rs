//! Where panels stand: from left to right in a grid of 24 columns, line by line.

use serde_json::{Value, json};

use super::entry::{Kind, Panel, Row};
use super::load::Template;
use super::panel::Maker;

/// Columns of the grid.
pub(super) const COLUMNS: u32 = 24;

/// The ids of headings begin here; those of panels are below.
pub(super) const FIRST_ROW: u32 = 1000;

/// The panels of a dashboard, with headings between them.
pub(super) fn panels(template: &Template, maker: &mut Maker<'_>) -> Vec<Value> {
    let mut grid = Grid::default();
    let mut panels = Vec::new();
    for (index, row) in (0..).zip(&template.rows) {
        let heading = row.title.as_ref().map(|title| {
            let place = grid.place(COLUMNS, 1);
            (title, FIRST_ROW + index, place)
        });
        let placed = row.panels.iter().map(|panel| {
            let place = grid.place(panel.value.width, height(row, &panel.value));
            maker.panel(panel, place)
        });
        let placed: Vec<Value> = placed.collect();
        grid.end_line();
        match heading {
            Some((title, id, place)) if row.collapsed => {
                // What is folded away is part of its heading, and takes no room.
                grid.y = place["y"].as_u64().map_or(grid.y, |y| y + 1);
                panels.push(head(title, id, &place, true, placed));
            }
            Some((title, id, place)) => {
                panels.push(head(title, id, &place, false, Vec::new()));
                panels.extend(placed);
            }
            None => panels.extend(placed),
        }
    }
    panels
}

fn head(title: &str, id: u32, place: &Value, collapsed: bool, panels: Vec<Value>) -> Value {
    json!({"type": "row", "id": id, "title": title, "collapsed": collapsed, "gridPos": place, "panels": panels})
}

fn height(row: &Row, panel: &Panel) -> u32 {
    let usual = match panel.kind {
        Kind::Stat | Kind::Text => 4,
        Kind::Gauge => 6,
        Kind::Table => 9,
        // Room for the rows of a legend with figures.
        _ if !panel.calcs.is_empty() => 9,
        _ => 8,
    };
    panel.height.or(row.height).unwrap_or(usual)
}

/// Where the next panel goes.
#[derive(Default)]
struct Grid {
    x: u32,
    y: u64,
    /// Of the highest panel of this line.
    height: u32,
}

impl Grid {
    fn place(&mut self, width: u32, height: u32) -> Value {
        if self.x + width > COLUMNS {
            self.end_line();
        }
        let place = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.x += width;
        self.height = self.height.max(height);
        place
    }

    fn end_line(&mut self) {
        self.y += u64::from(self.height);
        (self.x, self.height) = (0, 0);
    }
}
