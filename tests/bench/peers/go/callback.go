package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"time"
)

const (
	maxBodyBytes = 4 << 20
	deliverTime  = 4500 * time.Millisecond // the vendor hangs up after 5 s
	releaseTime  = time.Second
)

type handler struct {
	claims   *claims
	producer *producer
}

type answer struct {
	Outcome string `json:"outcome"`
	ID      string `json:"id,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

func newHandler(claims *claims, producer *producer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /callbacks", &handler{claims, producer})
	return mux
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		reply(w, http.StatusBadRequest, answer{Outcome: "rejected", Detail: err.Error()})
		return
	}
	received, err := parse(body)
	if err != nil {
		reply(w, http.StatusBadRequest, answer{Outcome: "rejected", Detail: err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), deliverTime)
	defer cancel()
	outcome, err := h.deliver(ctx, received)
	if err != nil {
		log.Printf("%s: %v", received.id, err)
		reply(w, http.StatusServiceUnavailable, answer{Outcome: "unavailable", ID: received.id})
		return
	}
	reply(w, http.StatusOK, answer{Outcome: outcome, ID: received.id})
}

// deliver claims, produces and commits. An event is committed only when Kafka has it on all replicas.
func (h *handler) deliver(ctx context.Context, n *notification) (string, error) {
	token, state, err := h.claims.claim(ctx, n.id)
	if err != nil {
		return "", err
	}
	switch state {
	case done:
		return "duplicate", nil
	case pending:
		return "", errors.New("another delivery of it is under way")
	}
	if err := h.producer.produce(ctx, n); err != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
		return "", errors.Join(err, h.claims.release(grace, n.id, token))
	}
	if err := h.claims.commit(ctx, n.id); err != nil {
		log.Printf("%s: in Kafka, not remembered: %v", n.id, err)
	}
	return "published", nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(w, r.Body, maxBodyBytes)
	if r.ContentLength < 0 || r.ContentLength > maxBodyBytes {
		return io.ReadAll(limited)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(limited, body)
	return body, err
}

func reply(w http.ResponseWriter, status int, a answer) {
	text, err := json.Marshal(a)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	w.Header()["Content-Type"] = contentType
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		log.Printf("answer: %v", err)
	}
}

var contentType = []string{"application/json"}
