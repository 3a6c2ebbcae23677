//! `use = "command"`: a program of the user's as a stage, under the rules that hold for every other.
//!
//! ```toml
//! [stage.train]
//! use = "command"
//! argv = ["python3", "{script}", "--data", "{data}", "--out", "{output}/model.json", "--lr", "${lr}"]
//! inputs = { script = "train.py", data = "@corpus" }
//! outputs = ["model.json"]
//! ```
//!
//! **Key.** What is written in the stage (after `${variable}` is replaced, before places are), its `version`, and the
//! contents of its inputs. A variable's value is data: no place is looked for in it, and no code for a shell ([`shell`]). Not the paths that places become, nor what the environment hands through by `pass_env`. That
//! the program makes the same bytes of the same inputs is taken on trust: `version` is there for when it no longer does.
//!
//! **Places** ([`places`]). `{output}`, `{checkpoints}`, `{scratch}`, `{threads}` and `{input}` stand for what is known
//! only when the program starts. `{{` and `}}` are plain braces.
//!
//! **Environment** ([`environment`]). Exactly what the stage says over a small base.
//!
//! **Processes** ([`process`]). The program and whatever it starts form one process group, which ends with the stage. It
//! inherits the lock of the job's folder: even where something of it lives on, no second attempt writes beside it.
//!
//! **Results** ([`outputs`], [`links`], [`scores`]). What the program leaves in `{output}` is checked against `outputs` and
//! `makes`. It may have left anything there: nothing outside is read, written or removed through it.

mod distinct;
mod environment;
mod hints;
mod lifeline;
mod links;
mod log;
mod outputs;
mod parameters;
mod places;
mod process;
mod programs;
mod progress;
mod room;
mod scores;
mod shell;
mod stage;

pub use stage::CommandStage;
