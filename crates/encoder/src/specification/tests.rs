//! Tests of the places of an encoder's tensors.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Architecture, Size};

/// A width that is not a multiple of the alignment, so that there is padding.
fn config(architecture: Architecture) -> Config {
    Config {
        hidden_size: 10,
        intermediate_size: 13,
        ..Config::of_size(Size::Nano, architecture, 37, 9, 0)
    }
}

#[test]
fn tensors_are_aligned_and_queries_keys_and_values_adjacent() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        for specification in of_encoder(&config(architecture)) {
            let mut end = 0_usize;
            for entry in specification.entries() {
                let joined = [".key.", ".value."]
                    .iter()
                    .any(|part| entry.name().contains(part));
                let expected = if joined {
                    end
                } else {
                    end.next_multiple_of(16)
                };
                assert_eq!(entry.range().start, expected, "{}", entry.name());
                end = entry.range().end;
            }
            assert_eq!(
                specification
                    .table
                    .clone()
                    .block(|_, _, _| Ok(()))
                    .unwrap()
                    .length(),
                end.next_multiple_of(16)
            );
        }
    }
}

#[test]
fn blocks_are_where_their_places_say() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        let config = config(architecture);
        let blocks = blocks(of_encoder(&config), |block| block.start(0.02, 1)).unwrap();
        let name = |place: Place| blocks[place.index(&config)].name();
        assert_eq!(name(Place::Embeddings), "embeddings");
        assert_eq!(name(Place::Layer(1)), "layer.1");
        assert_eq!(name(Place::Head), "head");
        assert_eq!(Place::Head.index(&config) + 1, blocks.len());
        if architecture == Architecture::RobertaPreLayerNorm {
            assert_eq!(name(Place::FinalNorm), "final norm");
        }
    }
}

#[test]
fn what_lies_between_tensors_is_zero() {
    let blocks = blocks(of_encoder(&config(Architecture::Bert)), |block| {
        block.block(|_, values| {
            values.fill(1.0);
            Ok(())
        })
    });
    for block in blocks.unwrap() {
        let scalars: usize = block.entries().iter().map(Entry::scalars).sum();
        let values = block.variable().to_vec1::<f32>().unwrap();
        assert!(values.len() > scalars);
        assert_eq!(values.iter().sum::<f32>(), scalars as f32);
    }
}
