//! Plots as SVG, drawn by ourselves: lines over two axes, in the colours of the page.

use std::fmt::Write;

/// The drawing's size; it scales with the page.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 50.0;
/// Ticks of an axis, about.
const TICKS: f64 = 6.0;

/// How values are laid out along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Equal steps, from 0.
    Linear,
    /// Equal factors.
    Logarithmic,
    /// Of percentiles: each nine takes as much room as the one before.
    Nines,
}

/// An axis and what it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) scale: Scale,
}

/// Some points in a row, and what they are.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// An axis with its ends.
struct Range {
    axis: Axis,
    low: f64,
    high: f64,
}

/// Draws the lines. `id` tells the plot from others on the page.
pub(super) fn plot(id: &str, x: Axis, y: Axis, lines: &[Line]) -> String {
    let drawn = |value: &(f64, f64)| x.scale.takes(value.0) && y.scale.takes(value.1);
    let points = || lines.iter().flat_map(|line| &line.points).copied().filter(|point| drawn(point));
    let (across, up) =
        (Range::of(x, points().map(|point| point.0)), Range::of(y, points().map(|point| point.1)));
    let mut svg = format!(
        "<figure id=\"{id}\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} over {}\">\n",
        y.title, x.title
    );
    axes(&mut svg, &across, &up);
    for (number, line) in lines.iter().enumerate() {
        let path: Vec<String> = line
            .points
            .iter()
            .filter(|point| drawn(point))
            .map(|point| format!("{:.1},{:.1}", horizontal(&across, point.0), vertical(&up, point.1)))
            .collect();
        put(&mut svg, format_args!("<polyline class=\"line c{number}\" points=\"{}\"/>\n", path.join(" ")));
    }
    svg.push_str("</svg>\n<figcaption>");
    for (number, line) in lines.iter().enumerate() {
        put(&mut svg, format_args!("<span class=\"key c{number}\">{}</span> ", line.name));
    }
    svg.push_str("</figcaption></figure>\n");
    svg
}

fn axes(svg: &mut String, across: &Range, up: &Range) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for (value, text) in up.ticks() {
        let y = vertical(up, value);
        put(
            svg,
            format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n"),
        );
        put(
            svg,
            format_args!("<text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>\n", LEFT - 8.0, y + 4.0),
        );
    }
    for (value, text) in across.ticks() {
        let x = horizontal(across, value);
        put(
            svg,
            format_args!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n"),
        );
        put(svg, format_args!("<text class=\"x\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>\n", bottom + 18.0));
    }
    let middle = f64::midpoint(LEFT, right);
    put(
        svg,
        format_args!(
            "<text class=\"x\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>\n",
            HEIGHT - 10.0,
            across.axis.title
        ),
    );
    let middle = f64::midpoint(TOP, bottom);
    put(
        svg,
        format_args!(
            "<text class=\"x\" transform=\"translate(14 {middle:.1}) rotate(-90)\">{}</text>\n",
            up.axis.title
        ),
    );
}

fn horizontal(range: &Range, value: f64) -> f64 {
    LEFT + range.place(value) * (WIDTH - LEFT - RIGHT)
}

fn vertical(range: &Range, value: f64) -> f64 {
    HEIGHT - BOTTOM - range.place(value) * (HEIGHT - TOP - BOTTOM)
}

impl Scale {
    /// Whether a value has a place on it.
    fn takes(self, value: f64) -> bool {
        match self {
            Self::Linear => value.is_finite(),
            Self::Logarithmic => value.is_finite() && value > 0.0,
            Self::Nines => (0.0..1.0).contains(&value),
        }
    }

    /// A value as a distance from the axis' beginning, in whatever unit.
    fn distance(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
            Self::Nines => -(1.0 - value).log10(),
        }
    }
}

impl Range {
    fn of(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match axis.scale {
            _ if low > high => (0.1, 0.9),
            Scale::Linear => (0.0, high),
            Scale::Logarithmic => (10_f64.powf(low.log10().floor()), 10_f64.powf(high.log10().ceil())),
            Scale::Nines => (0.0, high),
        };
        // A single value has a place, too.
        Self { axis, low, high: if high > low { high } else { low + 1.0 } }
    }

    /// Where a value is, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let at = |value| self.axis.scale.distance(value);
        let high = if self.axis.scale == Scale::Nines { self.high.min(1.0 - 1e-9) } else { self.high };
        ((at(value) - at(self.low)) / (at(high) - at(self.low))).clamp(0.0, 1.0)
    }

    /// Values to name along the axis.
    fn ticks(&self) -> Vec<(f64, String)> {
        match self.axis.scale {
            Scale::Linear => {
                let step = step(self.high / TICKS);
                let ticks = (0..)
                    .map(|number| f64::from(number) * step)
                    .take_while(|value| *value <= self.high * 1.001);
                ticks.map(|value| (value, short(value))).collect()
            }
            Scale::Logarithmic => {
                let powers = (-3..=9).map(|power| 10_f64.powi(power));
                powers
                    .filter(|value| (self.low..=self.high).contains(value))
                    .map(|value| (value, short(value)))
                    .collect()
            }
            Scale::Nines => {
                let shares = [
                    (0.0, "0 %"),
                    (0.5, "50 %"),
                    (0.9, "90 %"),
                    (0.99, "99 %"),
                    (0.999, "99.9 %"),
                    (0.9999, "99.99 %"),
                ];
                shares
                    .into_iter()
                    .filter(|(value, _)| *value <= self.high)
                    .map(|(value, text)| (value, text.to_owned()))
                    .collect()
            }
        }
    }
}

/// The next of 1, 2, 5, 10 … that is not less.
fn step(at_least: f64) -> f64 {
    let power = 10_f64.powf(at_least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|step| *step >= at_least)
        .unwrap_or(power * 10.0)
}

/// `0.5`, `20`, `5k`, `2M`.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        // What steps of a tenth add up to is not quite what it should be.
        value => format!("{}", (value * 1e6).round() / 1e6),
    }
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = svg.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Axis = Axis { title: "seconds", scale: Scale::Linear };
    const MILLIS: Axis = Axis { title: "ms", scale: Scale::Logarithmic };

    #[test]
    fn axes_are_named_in_round_steps() {
        let names = |axis, low, high| -> Vec<String> {
            Range::of(axis, [low, high].into_iter()).ticks().into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(names(TIME, 3.0, 60.0), ["0", "10", "20", "30", "40", "50", "60"]);
        assert_eq!(names(TIME, 0.0, 9_700.0), ["0", "2k", "4k", "6k", "8k"]);
        assert_eq!(names(MILLIS, 0.4, 700.0), ["0.1", "1", "10", "100", "1k"]);
        let nines = Axis { title: "orders", scale: Scale::Nines };
        assert_eq!(names(nines, 0.0, 0.999), ["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn points_lie_where_their_values_are() {
        let range = Range::of(MILLIS, [1.0, 100.0].into_iter());
        assert_eq!([1.0, 10.0, 100.0].map(|value| range.place(value)), [0.0, 0.5, 1.0]);
        let line = Line { name: "p50", points: vec![(0.0, 1.0), (10.0, 100.0)] };
        let svg = plot("latency", TIME, MILLIS, &[line]);
        assert!(svg.contains("points=\"70.0,270.0 880.0,20.0\""), "{svg}");
    }

    #[test]
    fn a_plot_of_nothing_is_empty_and_sound() {
        let svg = plot("none", TIME, MILLIS, &[Line { name: "p50", points: vec![(1.0, 0.0)] }]);
        assert!(svg.contains("points=\"\"") && !svg.contains("NaN"), "{svg}");
    }
}
