//! DOT, for Graphviz (<https://graphviz.org/doc/info/lang.html>).

use super::Drawing;

/// Returns the drawing in the language DOT.
pub fn dot(drawing: &Drawing) -> String {
    let mut text = String::from(
        "digraph pipe {\n    rankdir=LR;\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
    );
    for (index, node) in drawing.nodes.iter().enumerate() {
        let [name, note] = [&node.name, &node.note].map(|text| quoted(text));
        let colour = node.state.colour();
        text += &format!("    n{index} [label=\"{name}\\n{note}\", fillcolor=\"{colour}\"];\n");
    }
    for (from, to) in &drawing.edges {
        text += &format!("    n{from} -> n{to};\n");
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        insta::assert_snapshot!(dot(&super::super::example()), @r##"
        digraph pipe {
            rankdir=LR;
            node [shape=box, style="rounded,filled", fontname="sans-serif"];
            n0 [label="world\n1 job, 1 cached", fillcolor="#d5e8f7"];
            n1 [label="a \"b\" <c>\n2 jobs, 1 cached", fillcolor="#fdf0c8"];
            n2 [label="finetune[m=0.4,task=mnli]\n1 job, 0 cached", fillcolor="#f6cfd0"];
            n0 -> n1;
            n0 -> n2;
            n1 -> n2;
        }
        "##);
    }
}
