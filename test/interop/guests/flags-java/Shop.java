import dev.openfeature.contrib.providers.flagd.FlagdProvider;
import dev.openfeature.sdk.Client;
import dev.openfeature.sdk.ImmutableContext;
import dev.openfeature.sdk.OpenFeatureAPI;
import dev.openfeature.sdk.Value;
import java.util.Map;

class Shop {
    final Client flags;

    Shop() {
        OpenFeatureAPI.getInstance().setProviderAndWait(new FlagdProvider()); // its settings are in the environment
        flags = OpenFeatureAPI.getInstance().getClient();
    }

    boolean hasNewCheckout(String user, String plan) {
        var who = new ImmutableContext(user, Map.of("plan", new Value(plan)));
        return flags.getBooleanValue("new-checkout", false, who);
    }
}
