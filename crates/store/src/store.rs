//! The store as a whole: opens all parts in their order and closes them in the reverse.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::journal::lock;
use crate::{
    Cipher, Clock, Journal, JournalOptions, Kept, KeptOptions, KeyIndex, Keys, Ledger, Objects,
    Secret, StoreError, Sync,
};

/// Where the store is and how it is kept.
#[derive(Debug)]
pub struct StoreOptions {
    /// `sqlite:PATH`; the file is made (mode 0600) when absent.
    pub database: String,
    /// The journal's folder; made when absent.
    pub journal_dir: PathBuf,
    /// The server's secret.
    pub secret: Secret,
    /// When a journal line counts as written.
    pub sync: Sync,
    /// How much is kept between calls.
    pub kept: KeptOptions,
    /// The time of day.
    pub clock: Clock,
}

/// Everything that outlives a request. Only one process at a time can have it open.
pub struct Store {
    pool: SqlitePool,
    keys: Keys,
    index: KeyIndex,
    journal: Journal,
    ledger: Ledger,
    objects: Objects,
    sealing: [u8; 32],
    kept: Kept,
    cipher: Cipher,
    first_start: bool,
    _lock: File,
}

impl Store {
    /// Opens the database and the journal, brings the schema up to date and loads the keys.
    pub async fn open(options: StoreOptions) -> Result<Store, StoreError> {
        let journal = JournalOptions {
            sync: options.sync,
            ..Default::default()
        };
        Store::open_with(options, journal).await
    }

    async fn open_with(
        options: StoreOptions,
        journal_options: JournalOptions,
    ) -> Result<Store, StoreError> {
        let StoreOptions {
            database,
            journal_dir,
            secret,
            kept,
            clock,
            ..
        } = options;
        let path = sqlite_path(&database)?;
        let lock_path = PathBuf::from(format!("{}-lock", path.display()));
        let lock = lock(&lock_path).map_err(StoreError::file(&lock_path))?;
        let journal =
            Journal::open(&journal_dir, journal_options).map_err(StoreError::file(&journal_dir))?;
        let pool = connect(path).await?;
        check_secret(&pool, &secret).await?;
        let index = KeyIndex::new(&secret, clock.clone());
        let keys = Keys::load(pool.clone(), index.clone(), clock.clone()).await?;
        Ok(Store {
            first_start: keys.lacks_admin(),
            objects: Objects::new(pool.clone(), clock.clone()),
            sealing: secret.derive("weir object ids v1"),
            kept: Kept::new(pool.clone(), &secret, kept, clock.clone()),
            cipher: Cipher::new(&secret, "weir sealed state v1"),
            ledger: Ledger::new(pool.clone(), journal.clone(), clock),
            pool,
            keys,
            index,
            journal,
            _lock: lock,
        })
    }

    /// Makes, lists and disables keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Finds keys.
    pub fn index(&self) -> &KeyIndex {
        &self.index
    }

    /// Hands out writers, one for each worker thread.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What calls used and cost; [`Ledger::follow`] has to run for it to fill.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whose objects are whose.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The key under which the ids of objects are sealed, the same on all replicas.
    pub fn sealing_key(&self) -> [u8; 32] {
        self.sealing
    }

    /// What is kept between calls; [`Kept::follow`] has to run for it to outlive the process.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Seals what clients carry between calls.
    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Whether there was no admin key when the store was opened.
    pub fn first_start(&self) -> bool {
        self.first_start
    }

    /// Brings what the journal holds into the ledger, writes what is kept, and closes the database.
    pub async fn close(self) -> Result<(), StoreError> {
        let written = self.kept.write().await;
        let drained = self.ledger.drain().await.and(written);
        self.pool.close().await;
        self.journal.wake();
        drained
    }
}

fn sqlite_path(database: &str) -> Result<&Path, StoreError> {
    let path = database
        .strip_prefix("sqlite:")
        .map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match path {
        None | Some("" | ":memory:") => Err(StoreError::UnknownDatabase(database.into())),
        Some(path) => Ok(Path::new(path)),
    }
}

async fn connect(path: &Path) -> Result<SqlitePool, StoreError> {
    // SQLite gives its side files the mode of the database.
    let mut file = OpenOptions::new();
    file.create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::file(path))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A power loss may take back the last transactions, never tear one; the journal still has
        // their lines, because it is cut only after a checkpoint.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(2)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?;
    Migrator::with_migrations(migrations()).run(&pool).await?;
    Ok(pool)
}

/// What made the schema, in order.
fn migrations() -> Vec<Migration> {
    let steps = [
        ("start", include_str!("../migrations/0001_start.sql")),
        (
            "operations",
            include_str!("../migrations/0002_operations.sql"),
        ),
        ("kept", include_str!("../migrations/0003_kept.sql")),
    ];
    let numbered = (1..).zip(steps);
    let migration = |(number, (name, sql)): (i64, (&'static str, &'static str))| {
        let sql = sql.into_sql_str();
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    };
    numbered.map(migration).collect()
}

/// Refuses a database whose keys were hashed under another secret than this one or those before.
async fn check_secret(pool: &SqlitePool, secret: &Secret) -> Result<(), StoreError> {
    let print = |secret: &Secret| -> String {
        let derived = secret.derive("weir secret check v1");
        derived[..8].iter().map(|b| format!("{b:02x}")).collect()
    };
    sqlx::query("INSERT INTO facts (name, value) VALUES ('secret', ?) ON CONFLICT DO NOTHING")
        .bind(print(secret))
        .execute(pool)
        .await?;
    let kept: String = sqlx::query_scalar("SELECT value FROM facts WHERE name = 'secret'")
        .fetch_one(pool)
        .await?;
    if secret.each().any(|secret| print(secret) == kept) {
        Ok(())
    } else {
        Err(StoreError::SecretChanged)
    }
}

#[cfg(test)]
mod tests;
