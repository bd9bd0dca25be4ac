//! Who may do what in a room. Every event that names a room asks here.

use crate::{
    context::Context,
    error::{Error, Result},
    ids::{Id, Room, RoomKind},
    store::{memberships::Membership, rooms::Visibility},
    text::Text,
    user::{Caller, User},
};

impl Context {
    /// Notes that a JWT has proven a user's id: whoever only claimed it loses sessions and connections.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn prove(&self, user: &User) -> Result<()> {
        if !self.auth.learn(&user.id) {
            return Ok(());
        }
        let before = self.store.identify(user).await?;
        if before.is_some_and(|before| before.claimed && !before.proven) {
            self.push.close_unverified(&user.id).await?;
        }
        Ok(())
    }

    /// Requires that the caller is in the room. A host knows this of its connections; else the store is read, consistently.
    ///
    /// # Errors
    /// `NOT_FOUND` for a room that does not exist or is private, `FORBIDDEN` for a public one.
    pub async fn require_member(&self, caller: &Caller, room: &Room) -> Result<()> {
        match self.push.holds(&caller.connection, room) {
            Some(true) => Ok(()),
            Some(false) => {
                let since = self.push.evictions();
                self.membership(caller.user()?, room).await?;
                self.subscribe(caller, std::slice::from_ref(room), since).await
            }
            None => self.membership(caller.user()?, room).await.map(drop),
        }
    }

    /// The membership of a user in a room, read from the store.
    ///
    /// # Errors
    /// As [`Context::require_member`].
    pub async fn membership(&self, user: &User, room: &Room) -> Result<Membership> {
        if let Some(membership) = self.awaited(|| self.store.membership(&user.id, room)).await? {
            return Ok(membership);
        }
        Err(self.refusal(room).await?)
    }

    /// What another event of the same client may be writing at this moment: looked for again, as often as configured.
    ///
    /// # Errors
    /// Those of `look`.
    pub async fn awaited<T, F>(&self, look: impl Fn() -> F + Send) -> Result<Option<T>>
    where
        F: Future<Output = Result<Option<T>>> + Send,
    {
        for wait in self.config.look_again {
            match look().await? {
                Some(found) => return Ok(Some(found)),
                None => tokio::time::sleep(*wait).await,
            }
        }
        look().await
    }

    /// What a caller who is not in the room is told: a private one looks as if it did not exist.
    async fn refusal(&self, room: &Room) -> Result<Error> {
        Ok(match self.store.room(room).await? {
            Some(found) if found.visibility == Visibility::Public => {
                Error::forbidden(Text::NotAMember { room: room.kind() })
            }
            _ => Error::no_room(room.kind()),
        })
    }

    /// Puts the caller's connection into rooms whose memberships were read after `since`
    /// ([`crate::push::Push::evictions`]), and out again should a removal have come in between.
    ///
    /// # Errors
    /// `INTERNAL` when memberships cannot be read again.
    pub async fn subscribe(&self, caller: &Caller, rooms: &[Room], since: u64) -> Result<()> {
        self.push.join(caller, rooms).await?;
        match &caller.user {
            Some(user) => self.evict_removed(&user.id, rooms, since).await,
            None => Ok(()),
        }
    }

    /// Puts all of a user's connections into a room whose membership was written after `since`, as [`Context::subscribe`].
    ///
    /// # Errors
    /// `INTERNAL` when the membership cannot be read again.
    pub async fn admit(&self, user: &Id, room: &Room, since: u64) -> Result<()> {
        let rooms = std::slice::from_ref(room);
        self.push.admit(user, rooms).await?;
        self.evict_removed(user, rooms, since).await
    }

    async fn evict_removed(&self, user: &Id, rooms: &[Room], since: u64) -> Result<()> {
        if self.push.evictions() == since {
            return Ok(());
        }
        let joined = |room: &&Room| !matches!(room.kind(), RoomKind::User | RoomKind::Global);
        let rooms: Vec<Room> = rooms.iter().filter(joined).cloned().collect();
        let held = self.store.memberships_among(user, &rooms).await?;
        let is_held = |room: &Room| held.iter().any(|membership| membership.room == *room);
        let removed: Vec<Room> = rooms.into_iter().filter(|room| !is_held(room)).collect();
        if removed.is_empty() {
            return Ok(());
        }
        self.push.evict(user, &removed).await
    }
}
