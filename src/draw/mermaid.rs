//! Mermaid flowcharts (<https://mermaid.js.org/syntax/flowchart.html>), which GitHub draws.

use super::{Drawing, State};

/// Returns the drawing as a Mermaid flowchart.
pub fn mermaid(drawing: &Drawing) -> String {
    let mut text = String::from("flowchart LR\n");
    for (index, node) in drawing.nodes.iter().enumerate() {
        let [name, note] = [&node.name, &node.note].map(|text| quoted(text));
        text += &format!("    n{index}(\"{name}<br/>{note}\")\n");
    }
    for (from, to) in &drawing.edges {
        text += &format!("    n{from} --> n{to}\n");
    }
    for state in [State::Cached, State::Run, State::Broken] {
        let nodes = drawing.nodes.iter().enumerate();
        for (index, _) in nodes.filter(|(_, node)| node.state == state) {
            text += &format!("    style n{index} fill:{},color:#000\n", state.colour());
        }
    }
    text
}

/// Mermaid reads entity codes in labels, written with `#`.
fn quoted(text: &str) -> String {
    text.replace('#', "#35;")
        .replace('"', "#quot;")
        .replace('<', "#lt;")
        .replace('>', "#gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        insta::assert_snapshot!(mermaid(&super::super::example()), @r##"
        flowchart LR
            n0("world<br/>1 job, 1 cached")
            n1("a #quot;b#quot; #lt;c#gt;<br/>2 jobs, 1 cached")
            n2("finetune[m=0.4,task=mnli]<br/>1 job, 0 cached")
            n0 --> n1
            n0 --> n2
            n1 --> n2
            style n0 fill:#d5e8f7,color:#000
            style n1 fill:#fdf0c8,color:#000
            style n2 fill:#f6cfd0,color:#000
        "##);
    }
}
