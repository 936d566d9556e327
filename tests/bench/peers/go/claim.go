package main

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	claimTime         = 30 * time.Second
	rememberTime      = 4 * 24 * time.Hour
	keyPrefix         = "go:"
	committed         = "done"
	defaultFlushDelay = 0
)

type state int

const (
	claimed state = iota
	pending
	done
)

// claims holds in Redis which events are under way and which are done.
type claims struct {
	client  rueidis.Client
	process string
	number  atomic.Uint64
}

var releaseScript = rueidis.NewLuaScript(
	`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)

func openClaims(url string, flush time.Duration) (*claims, error) {
	options, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.DisableCache = true
	options.AlwaysPipelining = true
	options.MaxFlushDelay = flush
	client, err := rueidis.NewClient(options)
	if err != nil {
		return nil, err
	}
	return &claims{client: client, process: strconv.FormatInt(time.Now().UnixNano(), 36)}, nil
}

// claim takes an event for this delivery, in one round trip, or says how it stands.
func (c *claims) claim(ctx context.Context, id string) (token string, found state, err error) {
	token = c.process + "-" + strconv.FormatUint(c.number.Add(1), 36)
	set := c.client.B().Set().Key(keyPrefix + id).Value(token).Nx().Get().Px(claimTime).Build()
	before, err := c.client.Do(ctx, set).ToString()
	switch {
	case errors.Is(err, rueidis.Nil):
		return token, claimed, nil
	case err != nil:
		return "", pending, err
	case before == committed:
		return "", done, nil
	default:
		return "", pending, nil
	}
}

func (c *claims) commit(ctx context.Context, id string) error {
	set := c.client.B().Set().Key(keyPrefix + id).Value(committed).Ex(rememberTime).Build()
	return c.client.Do(ctx, set).Error()
}

// release lets go of a claim whose event did not reach Kafka, unless another delivery has it by now.
func (c *claims) release(ctx context.Context, id, token string) error {
	return releaseScript.Exec(ctx, c.client, []string{keyPrefix + id}, []string{token}).Error()
}

func (c *claims) close() { c.client.Close() }
