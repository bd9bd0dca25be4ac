//! The catalogue of texts against the names by which the code knows them.

use std::collections::{BTreeMap, BTreeSet};

use shared::{ids::RoomKind, language::Language, text::Text};

fn catalogue(language: Language) -> BTreeMap<String, String> {
    let texts = shared::_rust_i18n_backend().messages_for_locale(language.as_str());
    let texts = texts.unwrap_or_else(|| panic!("no texts in {language:?}"));
    texts.into_iter().map(|(key, text)| (key.into_owned(), text.into_owned())).collect()
}

/// The names in `%{…}`.
fn arguments(text: &str) -> BTreeSet<&str> {
    text.split("%{").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

fn nouns() -> impl Iterator<Item = &'static str> {
    [RoomKind::Group, RoomKind::Channel, RoomKind::Thread, RoomKind::User, RoomKind::Global]
        .into_iter()
        .map(RoomKind::as_str)
}

#[test]
fn every_text_is_in_every_language_with_its_argument() {
    let known: BTreeMap<&str, BTreeSet<&str>> = Text::KEYS
        .iter()
        .map(|(key, argument)| (*key, argument.iter().copied().collect()))
        .chain(nouns().map(|noun| (noun, BTreeSet::new())))
        .collect();
    for language in Language::ALL {
        let texts = catalogue(language);
        let written: BTreeMap<&str, BTreeSet<&str>> =
            texts.iter().map(|(key, text)| (key.as_str(), arguments(text))).collect();
        assert_eq!(written, known, "in {language:?}");
        assert!(texts.values().all(|text| !text.trim().is_empty()), "an empty text: {texts:?}");
    }
    let languages: BTreeSet<&str> = Language::ALL.into_iter().map(Language::as_str).collect();
    let all = shared::_rust_i18n_backend().available_locales();
    assert_eq!(all.iter().map(AsRef::as_ref).collect::<BTreeSet<&str>>(), languages);
}

#[test]
fn an_argument_is_said_in_the_language_and_read_as_nothing_else() {
    let not_found = Text::RoomNotFound { room: RoomKind::Channel };
    assert_eq!(not_found.say(Language::Es), "Este canal no existe");
    assert_eq!(not_found.say(Language::En), "This channel does not exist");
    let name = "%{name} %{room} `x`".to_owned();
    let sly = Text::NoRoomName { name };
    assert_eq!(sly.say(Language::En), "`%{name} %{room} `x`` is no room");
}

#[test]
fn a_code_stands_for_its_text_and_no_other() {
    let room = RoomKind::Thread;
    let max = 4000;
    let some = [
        Text::TokenExpired,
        Text::TooManyCharacters { max },
        Text::NotAMember { room },
        Text::RoleNeeded { roles: "service, admin".into() },
        Text::FieldNotOneOf { values: String::new() },
    ];
    for text in some {
        assert_eq!(Text::from_code(&text.code()), Some(text));
    }
    for wrong in ["", "Token expirado", "TooManyCharacters x", "NotAMember x", "tokenexpired"] {
        assert_eq!(Text::from_code(wrong), None, "{wrong}");
    }
}

#[test]
fn the_preferred_language_is_the_known_one_of_the_highest_quality() {
    let cases = [
        (None, Language::Es),
        (Some(""), Language::Es),
        (Some("*"), Language::Es),
        (Some("en"), Language::En),
        (Some("EN-us"), Language::En),
        (Some("en_GB"), Language::En),
        (Some("es-MX, en;q=0.9"), Language::Es),
        (Some("fr, de;q=0.9"), Language::Es),
        (Some("fr-CA,fr;q=0.9,en;q=0.1"), Language::En),
        (Some("es;q=0.5, en ; q=0.7"), Language::En),
        (Some("es;q=0.3, en;Q=0.4"), Language::En),
        (Some("en, es"), Language::En),
        (Some("en;q=0"), Language::Es),
        (Some("en;q=nan, en;q=x, en;q=, en;"), Language::Es),
        (Some("english"), Language::Es),
        (Some("es;q=0.1, ;;,,=, en;q=0.2"), Language::En),
    ];
    for (asked, expected) in cases {
        assert_eq!(Language::preferred(asked), expected, "{asked:?}");
    }
    // As many as a header can hold, in no order that could be sorted.
    let many: String =
        (0..500).map(|i| if i % 3 == 0 { "en;q=nan," } else { "en;q=0.5," }).collect();
    assert_eq!(Language::preferred(Some(&many)), Language::En);
}
