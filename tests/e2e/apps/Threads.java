import assay.NativeLibrary;

/** Loads the native library on a thread that ends, and calls it from many that come after it. */
public final class Threads {
    static void call() {
        NativeLibrary.bridge().call("describe", new byte[0]);
    }

    static void run(Runnable body) throws InterruptedException {
        Thread thread = new Thread(body);
        thread.start();
        thread.join();
    }

    public static void main(String[] arguments) throws InterruptedException {
        run(Threads::call);
        for (int i = 0; i < 200; i++) {
            run(Threads::call);
            Thread[] crowd = new Thread[8];
            for (int t = 0; t < crowd.length; t++) {
                crowd[t] = new Thread(Threads::call);
                crowd[t].start();
            }
            for (Thread thread : crowd) {
                thread.join();
            }
        }
        System.out.println("every thread came back");
    }
}
