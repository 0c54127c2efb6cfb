package health

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"casper-cosigner/rule/casper"
)

// Message is one server-sent event (HTML standard, section 9.2), as far as casper-node uses them.
type Message struct {
	ID   string // empty if it has none
	Data string
	Cut  bool // Data was longer than the limit, and is left out
}

// ReadMessages calls each for every event of a stream until the stream ends, which is no error, or
// each fails. It holds no more than about limit bytes of the data of an event, and of any line,
// however long they are.
func ReadMessages(stream io.Reader, limit int, each func(Message) error) error {
	lines := lineReader{from: bufio.NewReader(stream), limit: limit}
	var m Message
	var data []string
	size := 0
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil // what was begun and not ended by an empty line does not count
		}
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		if line == "" {
			if data != nil {
				if m.Data = strings.Join(data, "\n"); m.Cut {
					m.Data = ""
				}
				if err := each(m); err != nil {
					return err
				}
			}
			m, data, size = Message{}, nil, 0
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			if size += len(value) + 1; size > limit+1 {
				m.Cut, value = true, ""
			}
			if !m.Cut || data == nil {
				data = append(data, value)
			}
		case "id":
			m.ID = value
		}
		// Anything else is a comment, which keeps the connection alive, or a field that
		// casper-node does not use.
	}
}

// lineReader reads lines of any length, and keeps the beginning of those that are too long.
type lineReader struct {
	from  *bufio.Reader
	limit int
	line  []byte
}

// room is more than a line of data has beside the data: the field's name, a space and the line's
// end. So data that was cut is still longer than the limit.
const room = 16

// next returns a line without its end, \n or \r\n.
func (l *lineReader) next() (string, error) {
	l.line = l.line[:0]
	for {
		part, err := l.from.ReadSlice('\n')
		l.line = append(l.line, part[:min(len(part), l.limit+room-len(l.line))]...)
		switch {
		case err == nil:
			return strings.TrimSuffix(strings.TrimSuffix(string(l.line), "\n"), "\r"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// event is what one server-sent event of casper-node says (casper-node
// event_stream_server/sse_server.rs, SseData), as far as it is of use here. All fields are zero
// for other kinds.
type event struct {
	version  string // of the protocol; the first event of every stream
	shutdown bool
	fault    *fault
	ended    *EraEnd
}

// fault says that the node holds a proof of a validator's equivocation.
type fault struct {
	Validator string `json:"public_key"`
	Era       uint64 `json:"era_id"`
}

// EraEnd is where an era ended, as the last block of it says.
type EraEnd struct {
	Era  uint64
	Last casper.Hash // that block
	// Next are the validators of the next era, ascending, as casper-node numbers them
	// (consensus/utils/validators.rs): by their keys, with the tag of the algorithm in front.
	Next []string
}

// headSize is how far into an event its kind stands, in bytes. Only few kinds are parsed:
// transactions and finality signatures are many.
const headSize = 32

func parseEvent(data string) (event, error) {
	if strings.TrimSpace(data) == `"Shutdown"` {
		return event{shutdown: true}, nil
	}
	head := data[:min(len(data), headSize)]
	if strings.Contains(head, `"BlockAdded"`) {
		return event{ended: endOf(data)}, nil
	}
	if !strings.Contains(head, `"Fault"`) && !strings.Contains(head, `"ApiVersion"`) {
		return event{}, nil
	}
	var e struct {
		APIVersion string `json:"ApiVersion"`
		Fault      *fault
	}
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return event{}, fmt.Errorf("reading the event %q: %w", printable(data, errorSize), err)
	}
	return event{version: printable(e.APIVersion, nameSize), fault: e.Fault}, nil
}

// endOf returns where an added block ends its era; nil if it does not, or is of a form that is not
// known here: /status tells the block as well, a little later.
func endOf(data string) *EraEnd {
	var e struct {
		BlockAdded struct {
			Hash  casper.Hash `json:"block_hash"`
			Block struct {
				Version2 struct {
					Header struct {
						Era *uint64 `json:"era_id"`
						End *struct {
							Next []struct {
								Validator string `json:"validator"`
							} `json:"next_era_validator_weights"`
						} `json:"era_end"`
					} `json:"header"`
				}
			} `json:"block"`
		}
	}
	err := json.Unmarshal([]byte(data), &e)
	h := e.BlockAdded.Block.Version2.Header
	if err != nil || h.Era == nil || h.End == nil || e.BlockAdded.Hash == (casper.Hash{}) {
		return nil
	}
	end := &EraEnd{Era: *h.Era, Last: e.BlockAdded.Hash}
	for _, next := range h.End.Next {
		end.Next = append(end.Next, strings.ToLower(next.Validator))
	}
	slices.Sort(end.Next)
	return end
}
