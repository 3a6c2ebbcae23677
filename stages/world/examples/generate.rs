//! Writes a world to FOLDER/output: `cargo run -p world --example generate -- FOLDER [SEED [tiny|laptop|large]]`.

use std::error::Error;
use std::path::Path;

use contract::{Context, Inputs, Params, Stage, complete};
use serde_json::Map;
use world::WorldStage;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: generate FOLDER [SEED [tiny|laptop|large]]")?;
    let seed: u64 = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let size = arguments.next().unwrap_or_else(|| "laptop".into());
    let given = Map::from_iter([("seed".into(), seed.into()), ("size".into(), size.into())]);
    let params = complete(WorldStage.signature().fields, &given)
        .map_err(|problems| format!("{problems:?}"))?;
    WorldStage.run(
        &Params(params),
        &Inputs::default(),
        &Context::in_folder(Path::new(&folder))?,
    )?;
    Ok(())
}
