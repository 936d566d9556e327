// The service that the bridge is measured beside: callbacks from HTTP to Kafka, each event once.
//
// What a team writes that knows Go and has a week: net/http, rueidis, franz-go, encoding/json. An event is
// claimed in Redis, produced with acks=all, committed in Redis, and only then answered 200. It has no spool, no
// signatures, no legacy format, no conformance check, no metrics. Frozen by its sum: tests/bench/frozen.py.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	kafka := flag.String("kafka", "127.0.0.1:9092", "bootstrap server")
	redis := flag.String("redis", "redis://127.0.0.1:6379/0", "URL of Redis")
	linger := flag.Duration("linger", defaultLinger, "how long a record waits for others")
	flush := flag.Duration("flush", defaultFlushDelay, "how long a command to Redis waits for others")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *kafka, *redis, *linger, *flush); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, kafka, redis string, linger, flush time.Duration) error {
	claims, err := openClaims(redis, flush)
	if err != nil {
		return err
	}
	defer claims.close()
	producer, err := openProducer(ctx, kafka, linger)
	if err != nil {
		return err
	}
	defer producer.close()

	server := &http.Server{
		Addr:              listen,
		Handler:           newHandler(claims, producer),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       75 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
