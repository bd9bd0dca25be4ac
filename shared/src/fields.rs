//! What is wrong with the fields of a payload: what serde and garde find, in texts of the catalogue. Both carry nothing
//! but strings, so a text of ours goes through them as its code.

use std::{borrow::Cow, fmt::Display};

use garde::{
    Validate,
    i18n::{
        I18n, InvalidCreditCard, InvalidEmail, InvalidPhoneNumber, InvalidUrl, IpKind, with_i18n,
    },
};

use crate::{
    error::{Error, Result},
    limits::Limits,
    text::Text,
};

/// Checks a payload by the rules written at its fields.
///
/// # Errors
/// `INVALID_REQUEST` with all the fields that break one.
pub fn validate<T: Validate<Context = Limits>>(payload: &T, limits: &Limits) -> Result<()> {
    with_i18n(Rules, || payload.validate_with(limits)).map_err(|report| {
        let problem = |code: &str| Text::from_code(code).unwrap_or(Text::FieldWrong);
        let broken = report.iter();
        let fields =
            broken.map(|(path, rule)| (camel_case(&path.to_string()), problem(rule.message())));
        Error::invalid_fields(fields.collect())
    })
}

/// The error for a field that serde does not take, by its path and by what serde says of it.
#[must_use]
pub fn wrong(path: &str, message: &str) -> Error {
    let missing = message.strip_prefix("missing field `").and_then(|m| m.split('`').next());
    let field = match (path, missing) {
        (".", missing) => missing.unwrap_or_default().to_owned(),
        (_, Some(missing)) => format!("{path}.{missing}"),
        (_, None) => path.to_owned(),
    };
    Error::invalid(&field, if missing.is_some() { Text::FieldMissing } else { problem(message) })
}

fn problem(message: &str) -> Text {
    if let Some(text) = Text::from_code(message) {
        return text;
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return Text::FieldWrong;
    };
    if found.starts_with("unknown variant ") {
        let values = expected.trim_start_matches("one of ").replace(" or ", ", ");
        return Text::FieldNotOneOf { values };
    }
    match expected {
        "a string" => Text::FieldNotText,
        "a string or an integer" => Text::FieldNotAnId,
        "u32" | "u64" | "usize" => Text::FieldNotACount,
        "a sequence" => Text::FieldNotAList,
        "a map" => Text::FieldNotAnObject,
        struct_or_unit if struct_or_unit.starts_with("struct ") => Text::FieldNotAnObject,
        _ => Text::FieldWrong,
    }
}

/// A field's name on the wire.
fn camel_case(path: &str) -> String {
    let mut words = path.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
        name
    })
}

/// What garde's own rules say.
struct Rules;

fn code(text: &Text) -> Cow<'static, str> {
    text.code().into()
}

impl I18n for Rules {
    fn length_lower_than(&self, min: usize) -> Cow<'static, str> {
        code(&Text::TooShort { min })
    }

    fn length_greater_than(&self, max: usize) -> Cow<'static, str> {
        code(&Text::TooLong { max })
    }

    fn range_lower_than(&self, min: &dyn Display) -> Cow<'static, str> {
        code(&Text::TooSmall { min: min.to_string() })
    }

    fn range_greater_than(&self, max: &dyn Display) -> Cow<'static, str> {
        code(&Text::TooLarge { max: max.to_string() })
    }

    fn credit_card_invalid(&self, _: InvalidCreditCard) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn pattern_no_match(&self, _: &dyn Display) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn contains_missing(&self, _: &dyn Display) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn url_invalid(&self, _: InvalidUrl) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn prefix_missing(&self, _: &dyn Display) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn suffix_missing(&self, _: &dyn Display) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn phone_number_invalid(&self, _: InvalidPhoneNumber) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn ip_invalid(&self, _: IpKind) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn matches_field_mismatch(&self, _: &dyn Display) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn email_invalid(&self, _: InvalidEmail) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn ascii_invalid(&self) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn alphanumeric_invalid(&self) -> Cow<'static, str> {
        code(&Text::FieldWrong)
    }

    fn required_not_set(&self) -> Cow<'static, str> {
        code(&Text::FieldMissing)
    }
}
