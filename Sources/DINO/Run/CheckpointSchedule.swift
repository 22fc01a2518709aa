/// When to write a checkpoint: at the ends of epochs and every five minutes, but spending no more than about a
/// fiftieth of the time on it; or at a fixed interval of steps.
///
/// main_dino.py writes one after each epoch, which for a few pictures may be every second.
struct CheckpointSchedule {
    /// The number of steps between checkpoints; nil to go by time.
    let steps: Int?

    private var last = ContinuousClock.now
    private var cost = Duration.zero

    static let longest = Duration.seconds(300)
    static let share = 50

    init(steps: Int?) {
        self.steps = steps
    }

    /// Whether a checkpoint is due after a step, counted from 1.
    func isDue(after step: Int, endsEpoch: Bool) -> Bool {
        if let steps { return step % steps == 0 }
        let elapsed = ContinuousClock.now - last
        return (endsEpoch || elapsed >= CheckpointSchedule.longest)
            && elapsed >= cost * CheckpointSchedule.share
    }

    /// Records that a checkpoint has just been written, starting at `start`.
    mutating func saved(since start: ContinuousClock.Instant) {
        last = .now
        cost = last - start
    }
}
