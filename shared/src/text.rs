//! What people read: a text is named here and written, in each language, in `locales/texts.yml`.

use std::borrow::Cow;

use rust_i18n::{replace_patterns, t};

use crate::{ids::RoomKind, language::Language};

// The macro that reads the catalogue does not tell cargo that it depends on it.
const _: &str = include_str!("../locales/texts.yml");

macro_rules! texts {
    ($($name:ident $({ $argument:ident: $kind:ty })?,)+) => {
        /// A text, without its language: that is known only where the text is sent.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the catalogue says what each says")]
        pub enum Text {
            $($name $({ $argument: $kind })?,)+
        }

        impl Text {
            /// The keys of the catalogue, each with the name of its argument.
            pub const KEYS: &[(&str, Option<&str>)] =
                &[$((stringify!($name), texts!(@optional $(stringify!($argument))?))),+];

            fn parts(&self) -> (&'static str, Option<(&'static str, &dyn Argument)>) {
                match self {
                    $(Self::$name $({ $argument })? => (
                        stringify!($name),
                        texts!(@optional $((stringify!($argument), $argument as &dyn Argument))?),
                    ),)+
                }
            }

            /// The text that a code stands for.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                let (name, argument) = code.split_once(' ').unwrap_or((code, ""));
                Some(match name {
                    $(stringify!($name) => {
                        Self::$name $({ $argument: Argument::from_code(argument)? })?
                    })+
                    _ => return None,
                })
            }
        }
    };
    (@optional) => { None };
    (@optional $some:expr) => { Some($some) };
}

texts! {
    InvalidData,
    InternalError,
    GoingDown,
    StoreUnusable,
    TooManyRequests,
    TooManyBytes { limit: usize },
    UnknownEvent,

    TokenMissing,
    TokenInvalid,
    TokenExpired,
    TokenNeeded,
    TokenOfAnother,
    TokenNotUsed,
    SessionIncomplete,
    SessionUnknown,
    SessionOfAnother,
    SessionIdTooShort,
    NoIdentity,
    NotTheSender,
    OriginNotAllowed,
    NoStage,
    NoConnection,
    RoleNeeded { roles: String },

    NoEvent,
    NoPacket,
    InvalidNamespace,
    NotEntered,
    NoBinary,
    FrameNotAnObject,
    FrameIdWrong,
    ActionMissing,

    PayloadMissing,
    PayloadNotAlone,
    PayloadNotAnObject,
    BodyNotJson,
    NotUtf8,
    MethodNotAllowed,
    PageSize,

    FieldMissing,
    FieldNotJson,
    FieldWrong,
    FieldNotText,
    FieldNotAnId,
    FieldNotACount,
    FieldNotAList,
    FieldNotAnObject,
    FieldNotOneOf { values: String },
    TooShort { min: usize },
    TooLong { max: usize },
    TooSmall { min: String },
    TooLarge { max: String },
    Empty,
    TooManyCharacters { max: usize },
    NoEmoji,
    IdTooLong,
    IdControlCharacters,
    IdTooLarge,
    TooManyUsers { max: usize },

    RoomNotFound { room: RoomKind },
    NotAMember { room: RoomKind },
    RoomClosed { room: RoomKind },
    RoomExists { room: RoomKind },
    TooManyRooms { max: usize },
    LastOwner,
    OwnersOnly,
    NoRoomName { name: String },
    TargetWrong,
    EventNameTaken,

    MessageNotFound,
    MemberNotFound,
    NotificationNotFound,
    PageNotFound,
    UserNotFound,

    ToOneself,
    NotInitialized,
    InitializeFirst,
    LobbyObject,
    ChannelsOrChannel,
    AuthorEdits,
    AuthorDeletes,
    TooManyEdits { max: usize },

    Connected,
    JoinedGroup,
    LeftGroup,
    NotificationSent,

    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    NotAllowed,
    Conflict,
    ContentTooLarge,
    TooMany,
    ServerError,
    Unavailable,
}

impl Text {
    /// The text in a language.
    #[must_use]
    pub fn say(&self, language: Language) -> Cow<'static, str> {
        let (name, argument) = self.parts();
        let text = look_up(name, language);
        match argument {
            None => text,
            Some((name, value)) => replace_patterns(&text, &[name], &[value.say(language)]).into(),
        }
    }

    /// The text as a word that is the same in every language, for what can carry nothing but a string.
    #[must_use]
    pub fn code(&self) -> String {
        match self.parts() {
            (name, None) => name.to_owned(),
            (name, Some((_, value))) => format!("{name} {}", value.code()),
        }
    }
}

fn look_up(key: &'static str, language: Language) -> Cow<'static, str> {
    t!(key, locale = language.as_str())
}

/// What stands in a text for a part that differs.
trait Argument {
    fn say(&self, language: Language) -> String;
    fn code(&self) -> String;
    fn from_code(code: &str) -> Option<Self>
    where
        Self: Sized;
}

impl Argument for usize {
    fn say(&self, _: Language) -> String {
        self.to_string()
    }

    fn code(&self) -> String {
        self.to_string()
    }

    fn from_code(code: &str) -> Option<Self> {
        code.parse().ok()
    }
}

impl Argument for String {
    fn say(&self, _: Language) -> String {
        self.clone()
    }

    fn code(&self) -> String {
        self.clone()
    }

    fn from_code(code: &str) -> Option<Self> {
        Some(code.to_owned())
    }
}

/// A room's kind has a name in each language: the catalogue has it under the prefix of the room's name.
impl Argument for RoomKind {
    fn say(&self, language: Language) -> String {
        look_up(self.as_str(), language).into_owned()
    }

    fn code(&self) -> String {
        self.as_str().to_owned()
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::from_prefix(code)
    }
}
