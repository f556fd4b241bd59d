//! How a row is written: many at once, which is where the cost of SQL goes.

use std::sync::LazyLock;

use sqlx::Arguments;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};

use super::dictionary::Dictionary;
use crate::journal::Figures;

/// In the order in which they are bound.
const COLUMNS: &str = "question, answer, id, opened_at_ns, settled_at_ns, attempts, losses, \
     first_token_us, total_us, input_tokens, cache_read_tokens, cache_write_tokens, \
     cache_write_1h_tokens, input_audio_tokens, output_tokens, reasoning_tokens, \
     output_audio_tokens, web_searches, estimated, cost_nano_usd, images, audio_ms, characters";

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
    figures: Figures,
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

    /// Adds the row of a call; `None` when a spec is not JSON.
    pub(super) fn push(
        &mut self,
        id: Box<str>,
        question: &str,
        answer: &str,
        figures: Figures,
    ) -> Option<()> {
        self.rows.push(Row {
            question: self.questions.place(question)?,
            answer: self.answers.place(answer)?,
            id: id.into(),
            figures,
        });
        Some(())
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
        self.figures
            .into_iter()
            .try_for_each(|figure| bound.add(figure))
    }
}
