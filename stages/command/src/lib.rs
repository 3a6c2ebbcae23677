//! `use = "command"`: a user's program as a stage, under the same rules as all other stages.
//!
//! ```toml
//! [stage.train]
//! use = "command"
//! argv = ["python3", "{script}", "--data", "{data}", "--out", "{output}/model.json", "--lr", "${lr}"]
//! inputs = { script = "train.py", data = "@corpus" }
//! outputs = ["model.json"]
//! ```
//!
//! **Key.** The text of the stage (after variables `${…}` are replaced, and before places are), its `version`, and the
//! contents of its inputs. The key holds neither the paths that replace places nor the variables of `pass_env`. A variable's value
//! is data: places in it are not replaced, and a shell never runs it as code ([`shell`]). The program is trusted to make the same
//! bytes from the same inputs; when it changes, raise `version`.
//!
//! **Places** ([`places`]). `{output}`, `{checkpoints}`, `{scratch}`, `{threads}` and `{input}` stand for values that are known
//! only when the program starts. `{{` and `}}` are plain braces.
//!
//! **Environment** ([`environment`]). A small base and the variables that the stage asks for, nothing else.
//!
//! **Processes** ([`process`]). The program and all processes that it starts form one process group, which ends with the stage. The
//! program inherits the lock of the job's folder, so while a process of it lives on, no second attempt can write beside it.
//!
//! **Results** ([`outputs`], [`links`], [`scores`]). The files in `{output}` are checked against `outputs` and `makes`. They may
//! be anything, links included; nothing outside the folder is read, written or removed through them.

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
