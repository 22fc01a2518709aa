import Foundation

// The texts of findings. The advice follows main_dino.py's help and section 5.3 of the paper; causes that the
// options and readings themselves reveal come first.
extension CollapseWatch {
    func reading(_ verdict: Verdict, _ record: TrainingRecord) -> String {
        let limit = "ln \(circumstances.outputs) = \(figure(log(Double(circumstances.outputs))))"
        switch verdict {
        case .notFinite:
            let (name, value) =
                record.loss.isFinite
                ? ("gradient", record.gradientNorm) : ("loss", record.loss)
            return "the \(name) is \(value.isNaN ? "not a number" : "infinite")"
        case .rankOne:
            return "all pictures have nearly the same features (effective rank "
                + "\(figure(record.rank)), deviation \(figure(record.featureDeviation)))"
        case .entropyAtZero:
            return "all pictures are assigned to one prototype (the teacher's entropy is "
                + "\(figure(record.teacherEntropy)), the loss \(figure(record.dinoLoss)))"
        case .entropyAtLimit:
            return "all pictures are spread evenly over all prototypes (the teacher's entropy is "
                + "\(figure(record.teacherEntropy)) of \(limit))"
        case .featuresAtMean:
            return
                "the predicted patch features are no better than their mean (the error is"
                + " \(figure(record.losses[.patches] ?? .nan)) of their variance)"
        case .lossAtLimit:
            return
                "the loss stays at \(figure(record.dinoLoss)), near \(limit): the student predicts "
                + "the teacher no better than chance"
        }
    }

    /// The causes that are evident from the options or the pictures, or else the usual causes of a verdict.
    func causes(of verdict: Verdict, _ record: TrainingRecord) -> [String] {
        let evident = evidentCauses(record)
        guard evident.isEmpty else { return evident }
        return causesByDataSize(verdict) + usualCauses(verdict)
    }

    /// Options that are unsuitable for the number of pictures.
    private func causesByDataSize(_ verdict: Verdict) -> [String] {
        let verdicts: [Verdict] = [.entropyAtLimit, .lossAtLimit]
        guard let pictures = circumstances.pictures, verdicts.contains(verdict) else { return [] }
        let usual = DataSizeDefaults(pictures: pictures)
        var causes: [String] = []
        if circumstances.outputs > usual.prototypes {
            causes.append(
                "\(circumstances.outputs) outputs are too many for \(pictures) pictures: the preset"
                    + " auto has \(usual.prototypes)")
        }
        if circumstances.teacherTemperature > 1.2 * usual.teacherTemperature {
            causes.append(
                "the teacher's temperature is high for \(pictures) pictures: the preset auto"
                    + " has \(figure(usual.teacherTemperature))")
        }
        return causes
    }

    private func usualCauses(_ verdict: Verdict) -> [String] {
        switch verdict {
        case .notFinite:
            return [
                "the learning rate is too high for this network: lower it or lengthen its warm-up",
                "isolated large gradients: clip gradients at 0.3",
            ]
        case .rankOne:
            return [
                "the learning rate is too high: lower it or lengthen its warm-up",
                "the pictures or their crops hardly differ: check them, and lower the minimum "
                    + "scale of large crops",
            ]
        case .entropyAtZero:
            return [
                "the teacher changes too fast: raise its momentum",
                "the learning rate is too high: lower it",
            ]
        case .entropyAtLimit:
            return [
                "the teacher's outputs are not sharp enough: lower the initial and the final "
                    + "temperature",
                "the learning rate is too high: lower it",
            ]
        case .featuresAtMean:
            return [
                "the learning rate is unsuitable: lower it, or raise it if the loss falls steadily",
                "the maps of features belong to other pictures, or are mirrored",
            ]
        case .lossAtLimit:
            return [
                "the teacher's outputs are not sharp enough: lower the initial temperature",
                "the prototypes move before the features do: freeze the last layer for longer",
                "the batch is too small for so many prototypes: choose fewer",
            ]
        }
    }

    /// Causes that are evident from the pictures or the options.
    private func evidentCauses(_ record: TrainingRecord) -> [String] {
        var causes: [String] = []
        if record.contrast < 1e-3 {
            causes.append("the pictures are blank, for example all black: check them")
        }
        if circumstances.learningRate > 50 * circumstances.usualLearningRate {
            causes.append(
                "the learning rate of \(figure(circumstances.learningRate)) is "
                    + "\(figure(circumstances.learningRate / circumstances.usualLearningRate)) times "
                    + "the usual one: lower it")
        }
        // The rest concerns prototypes.
        guard circumstances.outputs > 0 else { return causes }
        if circumstances.centreMomentum >= 1 {
            causes.append(
                "the teacher's outputs are not centred, so that one prototype can win: set "
                    + "the centre's momentum to 0.9")
        }
        if circumstances.momentum < 0.9 {
            causes.append(
                "the teacher follows the student too closely (momentum "
                    + "\(figure(circumstances.momentum))): 0.996 is usual, 0.99 for short runs")
        }
        if circumstances.teacherTemperature > 0.07 {
            causes.append(
                "the teacher's temperature reaches \(figure(circumstances.teacherTemperature)), "
                    + "and above 0.07 training is usually unstable: lower it")
        }
        return causes
    }
}

private func figure(_ value: Double) -> String { String(format: "%.3g", value) }
