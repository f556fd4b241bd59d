//! Choices that depend on nothing but the input.

use std::hash::{DefaultHasher, Hash, Hasher};

use weir_model::{Capabilities, Cx, IdMint, Quirks, ReasoningControl};

/// Choices drawn from an input, the same at each run.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn of(input: &[u8]) -> Choices {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        Choices(hasher.finish())
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The multiplier and increment of Knuth's MMIX; its high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn maybe<T>(&mut self, some: T) -> Option<T> {
        self.flip().then_some(some)
    }

    pub(crate) fn quirks(&mut self) -> Quirks {
        let fields = [
            "user",
            "metadata",
            "temperature",
            "seed",
            "stream_options",
            "stop",
        ];
        Quirks {
            drop: fields
                .iter()
                .filter(|_| self.below(4) == 0)
                .map(|f| f.to_string())
                .collect(),
            rename: self
                .maybe(("max_completion_tokens".into(), "max_tokens".into()))
                .into_iter()
                .collect(),
            developer_as_system: self.flip(),
            string_content: self.flip(),
            reasoning_field: self.maybe("reasoning_content".to_owned()),
            refuses_reasoning: self.flip(),
            short_call_ids: self.flip(),
            keeps_no_responses: self.flip(),
            no_json_schema: self.flip(),
            signed_thinking: self.maybe(String::new()),
        }
    }

    fn capabilities(&mut self) -> Capabilities {
        use ReasoningControl::{Adaptive, Budget, Effort, None, Unknown};
        Capabilities {
            context_window: Option::None,
            max_output_tokens: [Option::None, Some(512), Some(64_000)][self.below(3)],
            reasoning: [Unknown, None, Budget, Adaptive, Effort][self.below(5)],
            no_sampling: self.flip(),
            temperature_xor_top_p: self.flip(),
            json_schema: self.flip(),
            no_prefill: self.flip(),
            mid_system: self.flip(),
        }
    }
}

/// What a translation borrows.
pub(crate) struct Setting {
    ids: IdMint,
    quirks: Quirks,
    capabilities: Capabilities,
}

impl Setting {
    /// Some target; the same one for the same input.
    pub(crate) fn of(input: &[u8]) -> Setting {
        let mut choices = Choices::of(input);
        Setting {
            ids: IdMint::new(7),
            quirks: choices.quirks(),
            capabilities: choices.capabilities(),
        }
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx {
            now_s: 1_755_000_000,
            ids: &self.ids,
            quirks: &self.quirks,
            capabilities: &self.capabilities,
        }
    }
}
