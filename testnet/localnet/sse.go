package localnet

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// messageSize is the most that one server-sent event may be, in bytes. A step of an era with few validators is far below.
const messageSize = 16 << 20

// message is one server-sent event (HTML standard, section 9.2), as far as casper-node uses them.
type message struct {
	id   string // empty if it has none
	data string
}

// readMessages calls each for every event of a stream until the stream ends, which is no error, or each fails.
func readMessages(stream io.Reader, each func(message) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, messageSize)
	var m message
	var data []string
	for lines.Scan() {
		line := lines.Text() // without its end, \n or \r\n
		if line == "" {
			if data != nil {
				m.data = strings.Join(data, "\n")
				if err := each(m); err != nil {
					return err
				}
			}
			m, data = message{}, nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data = append(data, value)
		case "id":
			m.id = value
		}
		// Anything else is a comment, which keeps the connection alive, or a field that casper-node does not use.
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return nil
}
