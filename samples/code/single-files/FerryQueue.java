import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Loads a ferry from a queue of vehicles: first come, first served, but a lorry may be passed over once. */
public final class FerryQueue {
    /** A vehicle with its length in decimetres. */
    public record Vehicle(String plate, int length) {
        public Vehicle {
            if (length <= 0) {
                throw new IllegalArgumentException("length must be positive: " + length);
            }
        }
    }

    private final Deque<Vehicle> waiting = new ArrayDeque<>();
    private Vehicle passedOver;

    public void arrive(Vehicle vehicle) {
        waiting.addLast(vehicle);
    }

    /** Takes vehicles for a lane of the given length, in decimetres, and returns them in driving order. */
    public List<Vehicle> load(int lane) {
        List<Vehicle> loaded = new ArrayList<>();
        Deque<Vehicle> left = new ArrayDeque<>();
        int free = lane;
        while (!waiting.isEmpty()) {
            Vehicle next = waiting.removeFirst();
            if (next.length() <= free) {
                loaded.add(next);
                free -= next.length();
            } else {
                left.addLast(next);
                if (next.equals(passedOver) || passedOver != null) {
                    break; // nobody waits for a third ferry
                }
                passedOver = next;
            }
        }
        left.addAll(waiting);
        waiting.clear();
        waiting.addAll(left);
        if (loaded.contains(passedOver)) {
            passedOver = null;
        }
        return loaded;
    }

    public int size() {
        return waiting.size();
    }

    public static void main(String[] arguments) {
        FerryQueue queue = new FerryQueue();
        queue.arrive(new Vehicle("TM-1", 45));
        queue.arrive(new Vehicle("LORRY", 160));
        queue.arrive(new Vehicle("TM-2", 42));
        System.out.println(queue.load(100)); // TM-1 and TM-2
        System.out.println(queue.load(170)); // LORRY
        System.out.println(queue.size()); // 0
    }
}
