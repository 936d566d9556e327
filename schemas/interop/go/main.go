// Command consumer BOOTSTRAP GROUP TOPIC...: one line an event, until it is stopped.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Event is what every type has in common; further keys stand in event.v1.schema.json.
type Event struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	FileID  string          `json:"file_id"`
	Outcome string          `json:"outcome"`
	Payload json.RawMessage `json:"payload"` // by the type's schema; every field may be absent or null
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Args[1], ",")...),
		kgo.ConsumerGroup(os.Args[2]),
		kgo.ConsumeTopics(os.Args[3:]...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxPartitionBytes(16<<20),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			log.Fatalf("%s/%d: %v", topic, partition, err)
		})
		fetches.EachRecord(func(record *kgo.Record) {
			var event Event
			if err := json.Unmarshal(record.Value, &event); err != nil {
				log.Fatal(err)
			}
			fmt.Println(event.ID, event.Type, string(record.Key), event.Outcome)
		})
		// Only now: what was not committed comes again, with the same id.
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			log.Fatal(err)
		}
	}
}
