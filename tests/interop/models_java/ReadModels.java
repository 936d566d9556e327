import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads events with the generated classes: a line of the file is a type, a tab, an event. */
final class ReadModels {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper()
            .registerModule(new JavaTimeModule())
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] parts = line.split("\t", 2);
            Class<?> model = Class.forName("vod." + parts[0] + "Version1");
            Object event = mapper.readValue(parts[1], model);
            System.out.println(model.getMethod("getID").invoke(event));
        }
    }
}
