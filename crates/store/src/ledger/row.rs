//! How a row is written: many at once, which is where the cost of SQL goes.

use std::sync::LazyLock;

use sqlx::Arguments;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};

use super::dictionary::Dictionary;
use crate::journal::{OpenedLine, SettledLine};

/// In the order in which they are bound.
const COLUMNS: &str = "question, answer, id, opened_at_ns, settled_at_ns, attempts, losses, \
     first_token_us, total_us, input_tokens, cache_read_tokens, cache_write_tokens, \
     cache_write_1h_tokens, input_audio_tokens, output_tokens, reasoning_tokens, \
     output_audio_tokens, web_searches, estimated, cost_nano_usd";

/// Statements by the number of rows that they insert, largest first. Few sizes, so that each is
/// prepared once.
static STATEMENTS: LazyLock<[(usize, String); 4]> = LazyLock::new(|| {
    [64, 16, 4, 1].map(|rows| {
        let row = format!("({})", vec!["?"; COLUMNS.split(',').count()].join(","));
        let values = vec![row; rows].join(",");
        (
            rows,
            format!("INSERT INTO calls ({COLUMNS}) VALUES {values}"),
        )
    })
});

/// Rows to be written, and the words that they use.
pub(super) struct Rows {
    questions: Dictionary,
    answers: Dictionary,
    rows: Vec<Row>,
}

struct Row {
    question: usize,
    answer: usize,
    id: String,
    /// The columns after `id`.
    numbers: [Option<i64>; 17],
}

impl Rows {
    pub(super) fn new() -> Rows {
        let (questions, answers) = (Dictionary::questions(), Dictionary::answers());
        Rows {
            questions,
            answers,
            rows: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the row of a call.
    pub(super) fn push(
        &mut self,
        opened: &OpenedLine<'_>,
        settled: &SettledLine<'_>,
    ) -> Result<(), serde_json::Error> {
        let question = self.questions.place(&(
            &opened.key_id,
            &opened.key_name,
            &opened.project,
            &opened.model,
            &opened.operation,
            &opened.dialect,
            opened.stream,
        ))?;
        let answer = self.answers.place(&(
            &settled.target,
            &settled.upstream_model,
            settled.status,
            &settled.outcome,
            &settled.finish,
            &settled.error_kind,
        ))?;
        let numbers = numbers(opened, settled);
        self.rows.push(Row {
            question,
            answer,
            id: settled.id.clone().into_owned(),
            numbers,
        });
        Ok(())
    }

    /// Writes all rows.
    pub(super) async fn insert(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let questions = self.questions.ids(connection).await?;
        let answers = self.answers.ids(connection).await?;
        let mut rows = self.rows.drain(..);
        for (size, sql) in STATEMENTS.iter() {
            while rows.len() >= *size {
                let mut bound = SqliteArguments::default();
                bound.reserve(size * COLUMNS.split(',').count(), 0);
                for row in rows.by_ref().take(*size) {
                    row.bind(questions, answers, &mut bound)
                        .map_err(sqlx::Error::Encode)?;
                }
                sqlx::query_with(sql.as_str(), bound)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        drop(rows);
        self.questions.trim();
        self.answers.trim();
        Ok(())
    }
}

impl Row {
    fn bind(
        self,
        questions: &[i64],
        answers: &[i64],
        bound: &mut SqliteArguments,
    ) -> Result<(), sqlx::error::BoxDynError> {
        bound.add(questions[self.question])?;
        bound.add(answers[self.answer])?;
        bound.add(self.id)?;
        self.numbers
            .into_iter()
            .try_for_each(|number| bound.add(number))
    }
}

fn numbers(opened: &OpenedLine<'_>, settled: &SettledLine<'_>) -> [Option<i64>; 17] {
    [
        Some(opened.at_ns),
        Some(settled.at_ns),
        Some(settled.attempts.into()),
        Some(settled.losses.into()),
        settled.first_token_us.map(signed),
        Some(signed(settled.total_us)),
        Some(signed(settled.input_tokens)),
        Some(signed(settled.cache_read_tokens)),
        Some(signed(settled.cache_write_tokens)),
        Some(signed(settled.cache_write_1h_tokens)),
        Some(signed(settled.input_audio_tokens)),
        Some(signed(settled.output_tokens)),
        Some(signed(settled.reasoning_tokens)),
        Some(signed(settled.output_audio_tokens)),
        Some(signed(settled.web_searches)),
        Some(settled.estimated.into()),
        settled.cost_nano_usd,
    ]
}

/// Counts are stored as SQL's signed integers.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
