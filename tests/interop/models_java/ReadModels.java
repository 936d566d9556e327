import java.nio.file.Files;
import java.nio.file.Path;
import vod.Converter;

/** Reads events with the generated classes: a line of the file is a type, a tab, an event. */
final class ReadModels {
    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] parts = line.split("\t", 2);
            String model = parts[0] + "Version1";
            Object event = Converter.class.getMethod(model + "FromJsonString", String.class).invoke(null, parts[1]);
            System.out.println(event.getClass().getMethod("getID").invoke(event));
        }
    }
}
