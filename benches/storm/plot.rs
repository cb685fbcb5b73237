//! The storm as a picture: plain SVG, written line by line.

use std::fmt::Write as _;

/// One line of a panel: its name, its colour, and a value for each second.
pub struct Line {
    pub name: &'static str,
    pub colour: &'static str,
    pub values: Vec<f64>,
}

/// One picture of the row.
pub struct Panel {
    pub title: String,
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 64.0;
const GAP: f64 = 26.0;
const BOTTOM: f64 = 66.0;
/// Sessions between two marks of the vertical axis.
const MARK: usize = 10;

/// The panels side by side, all to the same scale: seconds, and sessions above the mean.
pub fn svg(title: &str, panels: &[Panel]) -> String {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let largest = lines()
        .flat_map(|line| &line.values)
        .fold(1.0, |most: f64, value| most.max(*value));
    let top = (largest / MARK as f64).ceil() * MARK as f64;
    let seconds = lines().map(|line| line.values.len()).max().unwrap_or(1) as f64;
    let width = LEFT + panels.len() as f64 * (WIDTH + GAP);
    let height = TOP + HEIGHT + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let left = LEFT + number as f64 * (WIDTH + GAP);
        let x = |second: f64| left + second / seconds * WIDTH;
        let y = |sessions: f64| TOP + HEIGHT - sessions / top * HEIGHT;
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\">{}</text>",
            TOP - 12.0,
            panel.title
        );
        for mark in (0..=top as usize).step_by(MARK) {
            let at = y(mark as f64);
            let end = left + WIDTH;
            let _ = writeln!(svg, "<path d=\"M{left} {at:.1}H{end:.1}\" stroke=\"#ddd\"/>");
            if number == 0 {
                let (x, y) = (left - 6.0, at + 4.0);
                let _ = writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{mark}</text>"
                );
            }
        }
        for minute in (0..=10).step_by(2) {
            let (x, y) = (x(f64::from(minute) * 60.0), TOP + HEIGHT + 16.0);
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{minute}</text>"
            );
        }
        for line in &panel.lines {
            let points: Vec<String> = line
                .values
                .iter()
                .enumerate()
                .step_by(2)
                .map(|(second, value)| format!("{:.1},{:.1}", x(second as f64), y(*value)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
                points.join(" "),
                line.colour
            );
        }
    }
    let below = TOP + HEIGHT + 34.0;
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{below}\">minutes since the storm began</text>"
    );
    if let Some(panel) = panels.first() {
        for (number, line) in panel.lines.iter().enumerate() {
            let (x, y) = (LEFT + number as f64 * 150.0, below + 20.0);
            let (end, text, middle) = (x + 24.0, x + 30.0, y - 4.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{x} {middle}H{end}\" stroke=\"{}\" stroke-width=\"3\"/><text x=\"{text}\" y=\"{y}\">{}</text>",
                line.colour, line.name
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
