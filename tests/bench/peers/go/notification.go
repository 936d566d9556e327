package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// notification is one callback: what is needed to name it, to route it and to publish it.
type notification struct {
	id       string
	kind     string
	subject  subject
	payload  json.RawMessage
	received time.Time
}

// subject is what a payload says of what it is about.
type subject struct {
	TaskID  string `json:"TaskId"`
	FileID  string `json:"FileId"`
	CastID  string `json:"CastId"`
	Status  status `json:"Status"`
	ErrCode int64  `json:"ErrCode"`
}

// status is a text, or in one type a number.
type status string

func (s *status) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case 'n': // null
		return nil
	case '"':
	default:
		*s = status(text)
		return nil
	}
	return json.Unmarshal(text, (*string)(s))
}

// event is the value of a record.
type event struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Time    string          `json:"time"`
	TaskID  string          `json:"task_id,omitempty"`
	FileID  string          `json:"file_id,omitempty"`
	Status  status          `json:"status,omitempty"`
	Outcome string          `json:"outcome"`
	Payload json.RawMessage `json:"payload"`
}

// parse reads a body: the type, and the one sibling that is an object.
func parse(body []byte) (*notification, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	n := &notification{received: time.Now().UTC()}
	if err := json.Unmarshal(members["EventType"], &n.kind); err != nil || n.kind == "" {
		return nil, errors.New("no EventType")
	}
	for _, member := range members {
		if member[0] != '{' {
			continue
		}
		if n.payload != nil {
			return nil, errors.New("more than one payload")
		}
		n.payload = member
	}
	if n.payload == nil {
		return nil, errors.New("no payload")
	}
	if err := json.Unmarshal(n.payload, &n.subject); err != nil {
		return nil, err
	}
	n.id = n.kind + ":" + n.name() + ":" + string(n.subject.Status)
	return n, nil
}

// name is what tells one occurrence from another.
func (n *notification) name() string {
	for _, name := range []string{n.subject.TaskID, n.subject.FileID, n.subject.CastID} {
		if name != "" {
			return name
		}
	}
	sum := sha256.Sum256(n.payload)
	return hex.EncodeToString(sum[:])
}

// key decides the partition: what is about one file stays in order.
func (n *notification) key() string {
	if n.subject.FileID != "" {
		return n.subject.FileID
	}
	return n.name()
}

func (n *notification) value() ([]byte, error) {
	outcome := "success"
	if n.subject.ErrCode != 0 {
		outcome = "failure"
	}
	return json.Marshal(event{
		ID:      n.id,
		Type:    n.kind,
		Time:    n.time(),
		TaskID:  n.subject.TaskID,
		FileID:  n.subject.FileID,
		Status:  n.subject.Status,
		Outcome: outcome,
		Payload: n.payload,
	})
}

func (n *notification) time() string {
	return n.received.Format("2006-01-02T15:04:05.000Z07:00")
}
