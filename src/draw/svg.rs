//! A picture that needs no other program: boxes in columns, each to the right of all that it uses.

use super::Drawing;

/// Sizes in pixels.
const HEIGHT: f64 = 44.0;
const ROW: f64 = 62.0;
const GAP: f64 = 56.0;
const MARGIN: f64 = 12.0;
/// The width of a letter, about, at the sizes below.
const LETTER: f64 = 7.6;
/// Times that boxes are moved towards what they use.
const ROUNDS: usize = 4;

/// Returns the drawing as an SVG document.
pub fn svg(drawing: &Drawing) -> String {
    let boxes = place(drawing);
    let right = boxes
        .iter()
        .map(|one| one.x + one.width)
        .fold(0.0, f64::max);
    let bottom = boxes.iter().map(|one| one.y + HEIGHT).fold(0.0, f64::max);
    let (width, height) = (right + MARGIN, bottom + MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for &(from, to) in &drawing.edges {
        let (from, to) = (&boxes[from], &boxes[to]);
        let (x1, y1) = (from.x + from.width, from.y + HEIGHT / 2.0);
        let (x2, y2) = (to.x, to.y + HEIGHT / 2.0);
        let middle = (x1 + x2) / 2.0;
        text += &format!(
            "<path d=\"M{x1:.0} {y1:.0} C{middle:.0} {y1:.0} {middle:.0} {y2:.0} {x2:.0} {y2:.0}\" fill=\"none\" \
             stroke=\"#8a8f98\"/>\n"
        );
    }
    for (node, place) in drawing.nodes.iter().zip(&boxes) {
        let [name, note] = [&node.name, &node.note].map(|text| escaped(text));
        let (x, y, width) = (place.x, place.y, place.width);
        let middle = x + width / 2.0;
        text += &format!(
            "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{HEIGHT:.0}\" rx=\"6\" fill=\"{}\" \
             stroke=\"#5b6069\"/>\n\
             <text x=\"{middle:.0}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"13\">{name}</text>\n\
             <text x=\"{middle:.0}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#444444\">{note}</text>\n",
            node.state.colour(),
            y + 18.0,
            y + 34.0,
        );
    }
    text + "</svg>\n"
}

struct Node {
    x: f64,
    y: f64,
    width: f64,
}

/// Columns by layer; within one, boxes are sorted by where what they use lies, which keeps arrows from crossing much.
fn place(drawing: &Drawing) -> Vec<Node> {
    let layers = drawing.layers();
    let count = layers.iter().max().map_or(0, |most| most + 1);
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (node, &layer) in layers.iter().enumerate() {
        columns[layer].push(node);
    }
    let mut rows = vec![0.0_f64; layers.len()];
    let spread = |column: &[usize], rows: &mut Vec<f64>| {
        for (row, &node) in column.iter().enumerate() {
            rows[node] = row as f64 - (column.len() as f64 - 1.0) / 2.0;
        }
    };
    for column in &columns {
        spread(column, &mut rows);
    }
    let mut used: Vec<Vec<usize>> = vec![Vec::new(); layers.len()];
    for &(from, to) in &drawing.edges {
        used[to].push(from);
    }
    for _ in 0..ROUNDS {
        for column in &mut columns {
            let wish = |node: usize| match used[node].len() {
                0 => rows[node],
                count => used[node].iter().map(|&from| rows[from]).sum::<f64>() / count as f64,
            };
            let mut wishes: Vec<(f64, usize)> = column.iter().map(|&n| (wish(n), n)).collect();
            wishes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            *column = wishes.into_iter().map(|(_, node)| node).collect();
            spread(column, &mut rows);
        }
    }
    let widths: Vec<f64> = drawing
        .nodes
        .iter()
        .map(|node| {
            let letters = node.name.chars().count().max(node.note.chars().count());
            letters as f64 * LETTER + 2.0 * MARGIN
        })
        .collect();
    let top = rows.iter().copied().fold(0.0, f64::min);
    let mut boxes: Vec<Node> = Vec::new();
    let mut lefts = Vec::with_capacity(count);
    let mut left = MARGIN;
    for column in &columns {
        lefts.push(left);
        left += column.iter().map(|&n| widths[n]).fold(0.0, f64::max) + GAP;
    }
    for (node, &layer) in layers.iter().enumerate() {
        boxes.push(Node {
            x: lefts[layer],
            y: MARGIN + (rows[node] - top) * ROW,
            width: widths[node],
        });
    }
    boxes
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_all_boxes_and_arrows_and_its_text_is_escaped() {
        insta::assert_snapshot!(svg(&super::super::example()), @r##"
        <svg xmlns="http://www.w3.org/2000/svg" width="634" height="68" viewBox="0 0 634 68" font-family="sans-serif">
        <rect width="100%" height="100%" fill="#ffffff"/>
        <path d="M150 34 C178 34 178 34 206 34" fill="none" stroke="#8a8f98"/>
        <path d="M150 34 C279 34 279 34 408 34" fill="none" stroke="#8a8f98"/>
        <path d="M352 34 C380 34 380 34 408 34" fill="none" stroke="#8a8f98"/>
        <rect x="12" y="12" width="138" height="44" rx="6" fill="#d5e8f7" stroke="#5b6069"/>
        <text x="81" y="30" text-anchor="middle" font-size="13">world</text>
        <text x="81" y="46" text-anchor="middle" font-size="11" fill="#444444">1 job, 1 cached</text>
        <rect x="206" y="12" width="146" height="44" rx="6" fill="#fdf0c8" stroke="#5b6069"/>
        <text x="279" y="30" text-anchor="middle" font-size="13">a &quot;b&quot; &lt;c&gt;</text>
        <text x="279" y="46" text-anchor="middle" font-size="11" fill="#444444">2 jobs, 1 cached</text>
        <rect x="408" y="12" width="214" height="44" rx="6" fill="#f6cfd0" stroke="#5b6069"/>
        <text x="515" y="30" text-anchor="middle" font-size="13">finetune[m=0.4,task=mnli]</text>
        <text x="515" y="46" text-anchor="middle" font-size="11" fill="#444444">1 job, 0 cached</text>
        </svg>
        "##);
    }

    #[test]
    fn an_empty_drawing_is_a_document_as_well() {
        assert!(svg(&Drawing::default()).ends_with("</svg>\n"));
    }

    #[test]
    fn boxes_lie_right_of_what_they_use_and_never_on_each_other() {
        let drawing = super::super::example();
        let boxes = place(&drawing);
        for &(from, to) in &drawing.edges {
            assert!(boxes[from].x + boxes[from].width < boxes[to].x);
        }
        for (a, one) in boxes.iter().enumerate() {
            for other in &boxes[..a] {
                assert!(one.x != other.x || (one.y - other.y).abs() >= HEIGHT);
            }
        }
    }
}
