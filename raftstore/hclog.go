package raftstore

import (
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// repeatAfter is how long a message of the Raft library stays quiet after it was logged: with a
// peer down it says so many times a second.
const repeatAfter = 10 * time.Second

// hcLogger gives the Raft library's messages to zerolog: warnings and errors as such, information
// as debug messages, the rest not at all.
type hcLogger struct {
	log zerolog.Logger
	now func() time.Time

	mu   sync.Mutex
	last map[string]time.Time // when a message was logged; the library has a fixed set of them
}

func newHCLogger(l zerolog.Logger, now func() time.Time) *hcLogger {
	return &hcLogger{log: l.With().Str("part", "raft").Logger(), now: now, last: map[string]time.Time{}}
}

func (l *hcLogger) Log(level hclog.Level, msg string, args ...any) {
	e := l.event(level)
	if e == nil || level >= hclog.Warn && !l.due(msg) {
		return
	}
	for i := 0; i+1 < len(args); i += 2 {
		key := fmt.Sprint(args[i])
		switch v := args[i+1].(type) {
		case error:
			e.AnErr(key, v)
		case hclog.Format:
			e.Str(key, fmt.Sprintf(fmt.Sprint(v[0]), v[1:]...))
		default:
			e.Str(key, fmt.Sprint(v))
		}
	}
	e.Msg(msg)
}

func (l *hcLogger) event(level hclog.Level) *zerolog.Event {
	switch level {
	case hclog.Error:
		return l.log.Error()
	case hclog.Warn:
		return l.log.Warn()
	case hclog.Info:
		return l.log.Debug()
	}
	return nil
}

func (l *hcLogger) due(msg string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if last, ok := l.last[msg]; ok && now.Sub(last) < repeatAfter {
		return false
	}
	l.last[msg] = now
	return true
}

func (l *hcLogger) Trace(string, ...any)          {}
func (l *hcLogger) Debug(string, ...any)          {}
func (l *hcLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *hcLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *hcLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *hcLogger) IsTrace() bool                                         { return false }
func (l *hcLogger) IsDebug() bool                                         { return false }
func (l *hcLogger) IsInfo() bool                                          { return l.log.Debug().Enabled() }
func (l *hcLogger) IsWarn() bool                                          { return true }
func (l *hcLogger) IsError() bool                                         { return true }
func (l *hcLogger) ImpliedArgs() []any                                    { return nil }
func (l *hcLogger) With(...any) hclog.Logger                              { return l }
func (l *hcLogger) Name() string                                          { return "raft" }
func (l *hcLogger) Named(string) hclog.Logger                             { return l }
func (l *hcLogger) ResetNamed(string) hclog.Logger                        { return l }
func (l *hcLogger) SetLevel(hclog.Level)                                  {}
func (l *hcLogger) GetLevel() hclog.Level                                 { return hclog.Info }
func (l *hcLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return io.Discard }

func (l *hcLogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return log.New(io.Discard, "", 0)
}
