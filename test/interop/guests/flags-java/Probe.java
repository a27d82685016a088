import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.openfeature.sdk.FlagEvaluationDetails;
import dev.openfeature.sdk.ImmutableContext;
import dev.openfeature.sdk.Value;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What an application in Java makes of flags, as lines of JSON whenever that changes: see Flags.test.ts. */
class Probe {
    static final Gson JSON = new GsonBuilder().serializeNulls().create();

    static void say(String fact, Object value) {
        System.out.println(JSON.toJson(Map.of("fact", fact, "value", value)));
    }

    static List<Object> told(FlagEvaluationDetails<?> of) {
        Object value = of.getValue() instanceof Value its ? its.asObject() : of.getValue();
        if (of.getValue() instanceof Value its && its.isStructure()) value = its.asStructure().asObjectMap();
        String code = of.getErrorCode() == null ? null : of.getErrorCode().name();
        return Arrays.asList(value, of.getVariant(), of.getReason(), code);
    }

    public static void main(String[] args) throws InterruptedException {
        var shop = new Shop();
        var flags = shop.flags;
        flags.onProviderConfigurationChanged(event -> say("event", "changed"));
        var who = new ImmutableContext("ann", Map.of("plan", new Value("pro")));
        String before = "";
        for (;;) {
            var now = new LinkedHashMap<String, Object>();
            now.put("checkout", List.of(shop.hasNewCheckout("ann", "pro"), shop.hasNewCheckout("ann", "free")));
            now.put("text", told(flags.getStringDetails("text", "own", who)));
            now.put("whole", told(flags.getIntegerDetails("whole", 7, who)));
            now.put("half", told(flags.getDoubleDetails("half", 7.0, who)));
            now.put("object", told(flags.getObjectDetails("object", new Value(), who)));
            now.put("dark", told(flags.getBooleanDetails("dark", true, who)));
            now.put("open", told(flags.getBooleanDetails("open", true, who)));
            now.put("gone", told(flags.getBooleanDetails("gone", true, who)));
            now.put("wrong", told(flags.getStringDetails("whole", "own", who)));
            String text = JSON.toJson(now);
            if (!text.equals(before)) say("flags", now);
            before = text;
            Thread.sleep(100);
        }
    }
}
