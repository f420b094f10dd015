// SPDX-License-Identifier: GPL-2.0-only
//! Who fetches what is there to be fetched once: one client at a time.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A client that did not ask for so long hangs, and another may take its place.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client's connection, known by what its server holds while it lasts.
#[derive(Clone, Debug, Default)]
pub struct Client(Weak<()>);

impl Client {
    /// The client that is there as long as `connection`.
    pub fn of(connection: &Arc<()>) -> Client {
        Client(Arc::downgrade(connection))
    }
}

/// The client that fetches, nobody at first.
#[derive(Debug, Default)]
pub struct Owner {
    client: Client,
    asked: Option<Instant>,
}

impl Owner {
    /// Whether somebody fetches: is connected, and asked not long ago.
    pub fn is_there(&self) -> bool {
        self.client.0.strong_count() > 0 && self.asked.is_some_and(|at| at.elapsed() < PATIENCE)
    }

    /// Whether somebody fetches who is not `client`.
    pub fn is_another(&self, client: &Client) -> bool {
        self.is_there() && !self.client.0.ptr_eq(&client.0)
    }

    /// Lets `client` fetch, who asks now; whether it begins to, and does not go on.
    pub fn admit(&mut self, client: &Client) -> bool {
        let begins = !self.is_there() || self.is_another(client);
        self.client = client.clone();
        self.asked = Some(Instant::now());
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fetches_does_until_the_connection_ends() {
        let (first, second) = (Arc::new(()), Arc::new(()));
        let clients = [&first, &second].map(Client::of);
        let mut owner = Owner::default();
        assert!(!owner.is_there() && !owner.is_another(&clients[0]));
        assert!(owner.admit(&clients[0]) && !owner.admit(&clients[0]));
        assert!(owner.is_there() && owner.is_another(&clients[1]));
        assert!(!owner.is_another(&clients[0]));
        drop(first);
        assert!(!owner.is_there() && !owner.is_another(&clients[1]));
        assert!(owner.admit(&clients[1]));
    }

    #[test]
    fn who_hangs_loses_its_place() {
        let connections = [Arc::new(()), Arc::new(())];
        let clients = [&connections[0], &connections[1]].map(Client::of);
        let mut owner = Owner::default();
        owner.admit(&clients[0]);
        owner.asked = Instant::now().checked_sub(PATIENCE);
        assert!(!owner.is_there() && !owner.is_another(&clients[1]));
        assert!(owner.admit(&clients[1]) && owner.is_another(&clients[0]));
    }
}
