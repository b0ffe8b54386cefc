//! When does something become a line? A long span when it begins, every span when it ends, and each event.

use dr_run::clock::{Stopwatch, now};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::fields::{Fields, KNOWN, Value};
use super::line::Line;
use super::sink::Sink;

/// What takes long enough that its beginning is worth a line: one without an end was cut off.
const LONG: [&str; 2] = ["run", "copy"];

/// Listens to the crates of ours, and to nobody else's: what others say of addresses and requests is not for a log.
pub struct Log {
    sinks: Vec<Sink>,
    most: LevelFilter,
}

/// What is known of a span that has begun.
struct Begun {
    fields: Fields,
    since: Stopwatch,
}

impl Log {
    /// One that writes to these.
    pub fn to(sinks: Vec<Sink>) -> Self {
        let most = sinks.iter().map(|sink| sink.most).max().unwrap_or(LevelFilter::OFF);
        Self { sinks, most }
    }

    fn add(&self, line: &Line<'_>) {
        self.sinks.iter().filter(|sink| line.level <= sink.most).for_each(|sink| sink.add(line));
    }

    /// What is to be said of `own`, which belongs to `within` and what that is a part of.
    fn line<'a, S: for<'b> LookupSpan<'b>>(
        level: Level,
        (span, event): (&'a str, &'a str),
        own: &Fields,
        within: Option<SpanRef<'_, S>>,
    ) -> Line<'a> {
        // The nearest first.
        let above = within.into_iter().flat_map(|within| within.scope());
        let above: Vec<Fields> =
            above.filter_map(|span| span.extensions().get::<Begun>().map(|begun| begun.fields.clone())).collect();
        let of = |(name, follows): &(&'static str, bool)| -> Option<(&'static str, Value)> {
            let theirs = || above.iter().filter(|_| *follows).find_map(|fields| fields.get(name));
            own.get(name).or_else(theirs).map(|value| (*name, value.clone()))
        };
        let fields = KNOWN.iter().filter_map(of).collect();
        Line { at: now(), level, pid: std::process::id(), span, event, fields, ms: None }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn enabled(&self, about: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let target = about.target();
        let is_ours = target == "dr" || target.starts_with("dr::") || target.starts_with("dr_");
        is_ours && *about.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn on_new_span(&self, given: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        given.record(&mut fields);
        if LONG.contains(&span.name()) {
            self.add(&Self::line(*span.metadata().level(), (span.name(), "begin"), &fields, span.parent()));
        }
        span.extensions_mut().insert(Begun { fields, since: Stopwatch::start() });
    }

    fn on_record(&self, id: &Id, given: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(begun) = span.extensions_mut().get_mut::<Begun>()
        {
            given.record(&mut begun.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(what) = fields.event else { return };
        let within = context.event_span(event);
        let span = within.as_ref().map_or("dr", |within| within.name());
        self.add(&Self::line(level(event.metadata(), &fields), (span, what), &fields, within));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Begun { fields, since }) = span.extensions_mut().remove::<Begun>() else { return };
        let level = level(span.metadata(), &fields);
        let ms = u64::try_from(since.elapsed().as_millis()).ok();
        self.add(&Line { ms, ..Self::line(level, (span.name(), "end"), &fields, span.parent()) });
    }
}

/// A level of its own for what somebody should look at. A single request that fails may be tried again, and is no news.
fn level(about: &Metadata<'_>, fields: &Fields) -> Level {
    match *about.level() {
        Level::INFO if fields.is_wrong() => Level::WARN,
        level => level,
    }
}
