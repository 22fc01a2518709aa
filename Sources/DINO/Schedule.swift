import Foundation
import Platform

/// A number that follows the step of training: first a straight line from 0 to `peak`, then half a
/// cosine from `peak` to `end` (Loshchilov and Hutter 2017; `cosine_scheduler` of utils.py).
///
///     warmupSteps > step:  peak * step / (warmupSteps - 1)
///     else:                end + (peak - end) / 2 * (1 + cos(pi * s)),
///                          s = (step - warmupSteps) / (steps - warmupSteps)
public struct CosineSchedule: Sendable, Codable, Hashable {
    public let peak: Double
    public let end: Double
    /// The steps of the whole training.
    public let steps: Int
    /// Those of the straight line; the last of them has `peak`.
    public let warmupSteps: Int

    /// - Precondition: the warm-up is no longer than the training.
    public init(from peak: Double, to end: Double, steps: Int, warmupSteps: Int = 0) {
        require(
            0 <= warmupSteps && warmupSteps <= steps,
            "CosineSchedule: a warm-up of \(warmupSteps) steps in \(steps)")
        self.peak = peak
        self.end = end
        self.steps = steps
        self.warmupSteps = warmupSteps
    }

    /// The number at a step, counted from 0; `end` after the last.
    public subscript(step: Int) -> Double {
        if step < warmupSteps {
            return warmupSteps > 1 ? peak * Double(step) / Double(warmupSteps - 1) : 0
        }
        guard step < steps else { return end }
        let share = Double(step - warmupSteps) / Double(steps - warmupSteps)
        return end + (peak - end) / 2 * (1 + cos(.pi * share))
    }
}

/// A number that follows the epoch: a straight line from `start` to `end` over the first
/// `warmupEpochs`, then `end` (the teacher's temperature in `DINOLoss` of main_dino.py).
public struct LinearWarmup: Sendable, Codable, Hashable {
    public var start: Double
    public var end: Double
    public var warmupEpochs: Int

    public init(from start: Double, to end: Double, warmupEpochs: Int) {
        self.start = start
        self.end = end
        self.warmupEpochs = warmupEpochs
    }

    /// The number in an epoch, counted from 0.
    public subscript(epoch: Int) -> Double {
        guard epoch < warmupEpochs else { return end }
        return warmupEpochs > 1
            ? start + (end - start) * Double(epoch) / Double(warmupEpochs - 1) : start
    }
}
