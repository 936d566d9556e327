import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Consumer BOOTSTRAP GROUP TOPIC...: one line an event, until it is stopped. */
public class Consumer {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] words) throws Exception {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", words[0],
                "group.id", words[1],
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                // Events of up to 16 MiB are promised to go through.
                "max.partition.fetch.bytes", 16 * 1024 * 1024);
        List<String> topics = List.of(words).subList(2, words.length);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(topics);
            while (true) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    handle(record);
                }
                consumer.commitSync(); // only now: what was not committed comes again, with the same id
            }
        }
    }

    private static void handle(ConsumerRecord<String, byte[]> record) throws Exception {
        JsonNode event = JSON.readTree(record.value());
        JsonNode payload = event.get("payload"); // by the type's schema; every field may be absent or null
        System.out.println(String.join("\t",
                event.get("id").asText(), header(record, "ce_type"), record.key(), header(record, "ce_outcome"),
                payload.path("ErrCode").asText()));
    }

    private static String header(ConsumerRecord<String, byte[]> record, String name) {
        return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
    }
}
