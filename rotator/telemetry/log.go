package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keyrotator/keyrotator/rotator"
)

// Formats of a log.
const (
	FormatConsole = "console"
	FormatJSON    = "json"
)

// NewLogger returns a logger that writes to w, one line an entry, from the
// level (debug, info, warn, error) on, in the format (console, json). It is
// safe for concurrent use; w need not be.
func NewLogger(w io.Writer, level, format string) (*zap.Logger, error) {
	var from zapcore.Level
	switch level {
	case "debug", "info", "warn", "error":
		if err := from.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("make a logger: %w", err)
		}
	default:
		return nil, fmt.Errorf("unknown log level %q: want debug, info, warn or error", level)
	}
	fields := zap.NewProductionEncoderConfig()
	fields.TimeKey, fields.MessageKey = "time", "message"
	fields.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	fields.EncodeDuration = zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	switch format {
	case FormatJSON:
		encoder = zapcore.NewJSONEncoder(fields)
	case FormatConsole:
		fields.EncodeTime = zapcore.ISO8601TimeEncoder
		fields.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(fields)
	default:
		return nil, fmt.Errorf("unknown log format %q: want %s or %s", format, FormatConsole, FormatJSON)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), from)
	return zap.New(core, zap.ErrorOutput(zapcore.Lock(zapcore.AddSync(w)))), nil
}

// Log writes events to a logger.
type Log struct{ log *zap.Logger }

var _ rotator.Observer = (*Log)(nil)

// NewLog returns an observer that writes to log.
func NewLog(log *zap.Logger) *Log { return &Log{log} }

// Observe implements rotator.Observer. Entries of the history are info, halts
// error, waits debug unless something is wrong.
func (l *Log) Observe(_ context.Context, e rotator.Event) {
	level := levelOf(e)
	checked := l.log.Check(level, messageOf(e))
	if checked == nil {
		return
	}
	checked.Write(fieldsOf(e)...)
}

func levelOf(e rotator.Event) zapcore.Level {
	switch e.Kind {
	case rotator.EventEntry:
		switch e.Entry.Kind {
		case rotator.KindHalted:
			return zapcore.ErrorLevel
		case rotator.KindIntent:
			return zapcore.DebugLevel // its outcome follows
		default:
			return zapcore.InfoLevel
		}
	case rotator.EventEffect:
		switch {
		case e.Err == nil:
			return zapcore.DebugLevel // its entry follows
		case e.Entry.Verb == rotator.VerbProve:
			return zapcore.InfoLevel // a new key is refused for some seconds
		default:
			return zapcore.WarnLevel
		}
	case rotator.EventWaiting:
		switch {
		case e.Decision.Backoff:
			return zapcore.WarnLevel
		case passes(e.Decision.Reason):
			return zapcore.DebugLevel
		default:
			return zapcore.InfoLevel
		}
	case rotator.EventStepFailed:
		if errors.Is(e.Err, rotator.ErrConflict) || errors.Is(e.Err, rotator.ErrFenced) || errors.Is(e.Err, context.Canceled) {
			return zapcore.WarnLevel
		}
		return zapcore.ErrorLevel
	default:
		return zapcore.InfoLevel
	}
}

// passes names the waits that end by themselves, as the policy wants them.
func passes(reason rotator.Reason) bool {
	switch reason {
	case rotator.ReasonNotDue, rotator.ReasonSettling, rotator.ReasonSpacing, rotator.ReasonOverlap, rotator.ReasonTrial:
		return true
	default:
		return false
	}
}

func messageOf(e rotator.Event) string {
	switch e.Kind {
	case rotator.EventEntry:
		if e.Entry.Verb == "" || e.Entry.Kind == rotator.KindHalted || e.Entry.Kind == rotator.KindAdopted || e.Entry.Kind == rotator.KindOpened {
			return string(e.Entry.Kind)
		}
		return string(e.Entry.Kind) + " " + string(e.Entry.Verb)
	case rotator.EventEffect:
		if e.Err != nil {
			return string(e.Entry.Verb) + " did not succeed"
		}
		return string(e.Entry.Verb) + " succeeded"
	case rotator.EventWaiting:
		return "waiting"
	case rotator.EventStepFailed:
		return "the step failed"
	case rotator.EventSwept:
		return "looked at every user of the account"
	default:
		return string(e.Kind)
	}
}

func fieldsOf(e rotator.Event) []zap.Field {
	var fields []zap.Field
	text := func(name, value string) {
		if value != "" {
			fields = append(fields, zap.String(name, value))
		}
	}
	switch {
	case e.Kind == rotator.EventSwept:
		text("account", e.User.Account)
	case e.User != rotator.User{}:
		text("user", e.User.String())
	}
	if cycle := max(e.Entry.Cycle, cycleOf(e.Progress)); cycle > 0 {
		fields = append(fields, zap.Int("cycle", cycle))
	}
	text("phase", string(e.Progress.Phase))
	d := e.Decision
	if e.Kind == rotator.EventEntry || e.Kind == rotator.EventEffect {
		d = rotator.Decision{
			Verb: e.Entry.Verb, Key: e.Entry.Key, Consumer: e.Entry.Consumer,
			Reason: e.Entry.Reason, Detail: e.Entry.Detail, Request: e.Entry.Request,
		}
	}
	text("verb", string(d.Verb))
	text("key", string(d.Key))
	text("consumer", d.Consumer)
	text("reason", string(d.Reason))
	text("detail", d.Detail)
	if d.Request != 0 {
		fields = append(fields, zap.Int64("request", d.Request))
	}
	if !d.Until.IsZero() {
		fields = append(fields, zap.Time("until", d.Until))
	}
	if e.Kind == rotator.EventEffect {
		fields = append(fields, zap.Duration("took", e.Took))
	}
	if e.Err != nil {
		text("err", e.Err.Error())
	}
	return fields
}

func cycleOf(p rotator.Progress) int {
	if p.Cycle == nil {
		return 0
	}
	return p.Cycle.Number
}
