//! Tensors out of safetensors files, one by one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use serde_json::Value;

use super::folder::Folder;
use super::product::Packed;
use crate::error::Result;

/// The header of a real file has some kilobytes.
const MAX_HEADER: u64 = 64 << 20;

#[derive(Debug, Clone)]
struct Tensor {
    file: usize,
    dtype: String,
    shape: Vec<usize>,
    from: u64,
    to: u64,
}

/// The tensors of a model by name.
pub(super) struct Weights<'a> {
    folder: &'a Folder,
    files: Vec<(String, File)>,
    tensors: BTreeMap<String, Tensor>,
    /// What the names begin with in this file: a model that was saved with a head has `bert.` before them.
    prefix: &'static str,
    /// Whether tensors are only checked and come out empty.
    dry: bool,
}

impl<'a> Weights<'a> {
    /// Reads the headers. `marker` is a tensor that every model of the family has, by which the prefix is told.
    pub(super) fn open(folder: &'a Folder, prefixes: &[&'static str], marker: &str, dry: bool) -> Result<Weights<'a>> {
        let names = match folder.optional_json("model.safetensors.index.json")? {
            Some(index) => {
                let map = index["weight_map"].as_object();
                let mut names: Vec<String> =
                    map.into_iter().flatten().filter_map(|(_, file)| file.as_str()).map(str::to_string).collect();
                names.sort_unstable();
                names.dedup();
                names
            }
            None => vec!["model.safetensors".to_string()],
        };
        let mut weights = Weights { folder, files: Vec::new(), tensors: BTreeMap::new(), prefix: "", dry };
        for name in names {
            weights.read_header(&name)?;
        }
        let found = prefixes.iter().find(|prefix| weights.tensors.contains_key(&format!("{prefix}{marker}")));
        weights.prefix = found.copied().unwrap_or("");
        Ok(weights)
    }

    fn read_header(&mut self, name: &str) -> Result<()> {
        let folder = self.folder;
        let damaged = |what: &str| folder.error(format!("{name} is damaged: {what}; copy it again"));
        let mut file = match File::open(folder.file(name)) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(folder.missing(name)),
            Err(e) => return Err(folder.error(format!("{name} cannot be read ({e})"))),
        };
        let size = file.metadata().map_or(0, |found| found.len());
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| damaged("it is too short"))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER || length + 8 > size {
            return Err(damaged("its header does not fit into it"));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(|_| damaged("its header cannot be read"))?;
        let header: BTreeMap<String, Value> =
            serde_json::from_slice(&header).map_err(|_| damaged("its header is no JSON"))?;
        for (tensor, entry) in header {
            if tensor == "__metadata__" {
                continue;
            }
            let offset = |i: usize| entry["data_offsets"][i].as_u64().and_then(|at| at.checked_add(length + 8));
            let shape: Option<Vec<usize>> = entry["shape"]
                .as_array()
                .and_then(|dims| dims.iter().map(|dim| dim.as_u64().map(|dim| dim as usize)).collect());
            let (Some(from), Some(to), Some(shape), Some(dtype)) =
                (offset(0), offset(1), shape, entry["dtype"].as_str().map(str::to_string))
            else {
                return Err(damaged(&format!("the entry of {tensor} cannot be read")));
            };
            if from > to || to > size {
                return Err(damaged(&format!("{tensor} ends behind its end")));
            }
            self.tensors.insert(tensor, Tensor { file: self.files.len(), dtype, shape, from, to });
        }
        self.files.push((name.to_string(), file));
        Ok(())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&format!("{}{name}", self.prefix))
    }

    /// The numbers of a tensor that must have this shape; none when dry.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let name = format!("{}{name}", self.prefix);
        let Some(tensor) = self.tensors.get(&name) else {
            let files: Vec<&str> = self.files.iter().map(|(name, _)| name.as_str()).collect();
            return Err(self
                .folder
                .error(format!("{} has no tensor {name}, which config.json calls for", files.join(", "))));
        };
        let (file_name, file) = &mut self.files[tensor.file];
        if tensor.shape != shape {
            return Err(self.folder.error(format!(
                "{file_name} has {name} in the shape {:?}, config.json calls for {shape:?}; the files are of different models",
                tensor.shape
            )));
        }
        let width = match tensor.dtype.as_str() {
            "F32" => 4,
            "F16" | "BF16" => 2,
            other => {
                return Err(self
                    .folder
                    .error(format!("{file_name} has {name} as {other}; Assay reads F32, F16 and BF16")));
            }
        };
        let count: usize = shape.iter().product();
        if tensor.to - tensor.from != (count * width) as u64 {
            return Err(self
                .folder
                .error(format!("{file_name} is damaged: {name} has not the bytes of its shape; copy it again")));
        }
        if self.dry {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; count * width];
        let read = file.seek(SeekFrom::Start(tensor.from)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|e| self.folder.error(format!("{file_name} cannot be read ({e})")))?;
        Ok(match tensor.dtype.as_str() {
            "F32" => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            "F16" => bytes.as_chunks::<2>().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect(),
            _ => bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))
                .collect(),
        })
    }

    /// Weights [outputs, inputs] of several tensors, one below the other, as the right side of a product.
    pub(super) fn packed(&mut self, names: &[String], outputs: usize, inputs: usize) -> Result<Packed> {
        let mut values = Vec::new();
        for name in names {
            values.extend(self.take(name, &[outputs, inputs])?);
        }
        if self.dry {
            return Ok(Packed::default());
        }
        Ok(Packed::new(inputs, outputs * names.len(), |i, j| values[j * inputs + i]))
    }
}

/// A 16-bit float.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        0 => (fraction as f32 * 2f32.powi(-24)).copysign(f32::from_bits(sign)),
        31 => f32::from_bits(sign | 0xff << 23 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn half_floats() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x8000, -0.0),
            (0x3555, 0.333_251_95),
        ];
        for (bits, value) in cases {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
