// node consumer.mjs BOOTSTRAP GROUP TOPIC...: one line an event, until it is stopped.
import { Kafka, logLevel } from "kafkajs";

const [bootstrap, groupId, ...topics] = process.argv.slice(2);
const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId, maxBytesPerPartition: 16 * 1024 * 1024 });

await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  // Its offset is committed after this has returned: what was not comes again, with the same id.
  eachMessage: async ({ message }) => {
    const header = (name) => message.headers[name].toString();
    // Ids are texts and safe; some numbers of a payload may exceed 2^53, which JSON.parse rounds.
    const event = JSON.parse(message.value);
    const { payload } = event; // by the type's schema; every field may be absent or null
    console.log([event.id, header("ce_type"), message.key, header("ce_outcome"), payload.ErrCode ?? ""].join("\t"));
  },
});
