/// When a checkpoint is written: at the ends of epochs and every five minutes, but never for more
/// than a fiftieth of the time; or every so many steps.
///
/// main_dino.py writes one after each epoch, which for a few pictures may be every second.
struct SaveRhythm {
    /// Steps between two checkpoints, where they are counted.
    let steps: Int?

    private var last = ContinuousClock.now
    private var cost = Duration.zero

    static let longest = Duration.seconds(300)
    static let share = 50

    init(steps: Int?) {
        self.steps = steps
    }

    /// Whether one is due after a step, which is the given number of steps taken.
    func isDue(after step: Int, endsEpoch: Bool) -> Bool {
        if let steps { return step % steps == 0 }
        let elapsed = ContinuousClock.now - last
        return (endsEpoch || elapsed >= SaveRhythm.longest) && elapsed >= cost * SaveRhythm.share
    }

    /// One was written, which took from `start` until now.
    mutating func saved(since start: ContinuousClock.Instant) {
        last = .now
        cost = last - start
    }
}
