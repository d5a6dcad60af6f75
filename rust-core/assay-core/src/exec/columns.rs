//! Text columns and reference columns, whatever their Arrow layout.

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, LargeStringArray, OffsetSizeTrait, StringArray, StringViewArray};
use arrow::datatypes::DataType;

/// A column of text.
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

/// A column of references: one text, or a list of texts, in each row.
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
