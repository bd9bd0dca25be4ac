//! Which language a client reads.

/// A language that there are texts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Spanish, for who asks for nothing else.
    #[default]
    Es,
    /// English, in which logs are written too.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Es, Self::En];

    /// The language's tag (RFC 5646).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es => "es",
            Self::En => "en",
        }
    }

    /// The best of those asked for, written as in `Accept-Language` (RFC 9110): tags, each perhaps with a quality. A
    /// region does not matter; the default when nothing is asked for that is known.
    #[must_use]
    pub fn preferred(asked: Option<&str>) -> Self {
        // Of the libraries for this one ignores the qualities, and one sorts by them, which panics where one is no number.
        let known = asked.unwrap_or_default().split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix(['q', 'Q'])?.strip_prefix('=')?;
            let quality: f32 = weight.parse().ok().filter(|quality| *quality > 0.0)?;
            Some((Self::of(tag.trim())?, quality))
        });
        let best = known.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(language, _)| language).unwrap_or_default()
    }

    fn of(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(primary))
    }
}
