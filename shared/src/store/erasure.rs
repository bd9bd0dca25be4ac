//! Removing what a deleted channel or group held.

use super::{
    Store,
    entries::{partition, sort},
    item, key, number,
};
use crate::{
    error::Result,
    ids::{Id, Room, RoomKind},
};

impl Store {
    /// Removes all that a deleted channel holds but its head, which is blanked: a number is never used twice.
    async fn erase_channel(&self, channel: &Id) -> Result<()> {
        let head = self.head(channel).await?;
        let keep = head.as_ref().map(|head| sort(head.seq));
        if let Some(head) = head {
            let mut row = item(partition(channel), sort(head.seq));
            row.insert("c".into(), number(head.messages));
            self.put(row).await?;
        }
        self.erase(partition(channel), keep.as_deref()).await
    }

    /// Removes what a deleted channel or group holds.
    ///
    /// # Errors
    /// `INTERNAL` or `RATE_LIMITED` from the store.
    pub async fn erase_room(&self, room: &Room) -> Result<()> {
        let id = Id::from_stored(room.id(), false);
        match room.kind() {
            RoomKind::Channel => self.erase_channel(&id).await,
            _ => self.erase(key(&["GROUP", room.id()]), None).await,
        }
    }

    async fn erase(&self, partition: String, keep: Option<&str>) -> Result<()> {
        let all = self.prefixed(partition, "").projection_expression("pk, sk");
        for mut found in self.collect(all, usize::MAX).await? {
            if let (Some(pk), Some(sk)) = (found.take("pk"), found.take("sk"))
                && Some(&*sk) != keep
            {
                self.delete(pk, sk).await?;
            }
        }
        Ok(())
    }
}
