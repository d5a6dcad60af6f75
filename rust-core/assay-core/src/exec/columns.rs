//! Text columns and reference columns, whatever their Arrow layout.

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, LargeStringArray, OffsetSizeTrait, StringArray, StringViewArray};
use arrow::datatypes::DataType;

/// A column of text.
#[derive(Clone)]
pub(super) enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    /// A NULL literal: a column without a type.
    Null,
}

impl<'a> Texts<'a> {
    /// The column as text, or its type where it is not text.
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self, DataType> {
        match array.data_type() {
            DataType::Utf8 => Ok(Texts::Small(array.as_string())),
            DataType::LargeUtf8 => Ok(Texts::Large(array.as_string())),
            DataType::Utf8View => Ok(Texts::View(array.as_string_view())),
            DataType::Null => Ok(Texts::Null),
            other => Err(other.clone()),
        }
    }

    /// The text in `row`, `None` for NULL.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Texts::Small(a) => a.is_valid(row).then(|| a.value(row)),
            Texts::Large(a) => a.is_valid(row).then(|| a.value(row)),
            Texts::View(a) => a.is_valid(row).then(|| a.value(row)),
            Texts::Null => None,
        }
    }
}

/// Predictions and their references.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    predictions: Texts<'a>,
    references: References<'a>,
    found: Vec<&'a str>,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(predictions: Texts<'a>, references: References<'a>) -> Self {
        Pairs { predictions, references, found: Vec::new() }
    }

    /// The prediction in `row` and the references that are not NULL, of which there may be none; `None` where the prediction or
    /// the reference is NULL.
    #[inline]
    pub(super) fn get(&mut self, row: usize) -> Option<(&'a str, &[&'a str])> {
        let prediction = self.predictions.get(row)?;
        match &self.references {
            References::One(texts) => {
                self.found.clear();
                self.found.push(texts.get(row)?);
            }
            References::Many(lists) => {
                if !lists.get(row, &mut self.found) {
                    return None;
                }
            }
        }
        Some((prediction, &self.found))
    }
}

/// A column of references: one text, or a list of texts, in each row.
#[derive(Clone)]
pub(super) enum References<'a> {
    One(Texts<'a>),
    Many(Lists<'a>),
}

impl<'a> References<'a> {
    /// The column as references, or its type where it is neither text nor a list of texts.
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self, DataType> {
        let lists = match array.data_type() {
            DataType::List(_) => Lists::new::<i32>(array)?,
            DataType::LargeList(_) => Lists::new::<i64>(array)?,
            _ => return Texts::new(array).map(References::One),
        };
        Ok(References::Many(lists))
    }
}

/// A column of lists of texts.
#[derive(Clone)]
pub(super) struct Lists<'a> {
    array: &'a ArrayRef,
    /// Where the list of each row begins; one more than there are rows.
    offsets: Vec<usize>,
    items: Texts<'a>,
}

impl<'a> Lists<'a> {
    fn new<O: OffsetSizeTrait>(array: &'a ArrayRef) -> Result<Self, DataType> {
        let list = array.as_list::<O>();
        let items = Texts::new(list.values()).map_err(|_| array.data_type().clone())?;
        Ok(Lists { array, offsets: list.value_offsets().iter().map(|o| o.as_usize()).collect(), items })
    }

    /// Puts the texts of `row` that are not NULL into `found`; false where the list itself is NULL.
    pub(super) fn get(&self, row: usize, found: &mut Vec<&'a str>) -> bool {
        found.clear();
        if self.array.is_null(row) {
            return false;
        }
        found.extend((self.offsets[row]..self.offsets[row + 1]).filter_map(|i| self.items.get(i)));
        true
    }
}
