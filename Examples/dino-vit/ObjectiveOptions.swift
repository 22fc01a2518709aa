import ArgumentParser
import DINO
import Images
import ViT

/// A layer's output after the last norm, or another facet of it: `-1`, `5:key`.
struct LearningTap: ExpressibleByArgument {
    let tap: FeatureTap

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1)
        guard let first = parts.first, let layer = Int(first) else { return nil }
        guard parts.count == 2 else {
            tap = FeatureTap(layer: layer, facet: .normedToken)
            return
        }
        guard let facet = Facet(rawValue: String(parts[1])) else { return nil }
        tap = FeatureTap(layer: layer, facet: facet)
    }
}

extension DINOLoss.Options.TargetRule: ExpressibleByArgument {}

/// The training objectives.
struct ObjectiveOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The weight of DINO's own objective; 0 omits it. (default: 1, or 0 with a trained teacher)
            """, valueName: "number"))
    var dinoWeight: Double?

    @Option(
        help: ArgumentHelp(
            "The weight of iBOT's objective of masked patches. (default: 0)",
            valueName: "number"))
    var ibotWeight: Double?

    @Option(
        help: ArgumentHelp(
            "The weight of KoLeo, which spreads the class tokens. (default: 0)",
            valueName: "number"))
    var koleoWeight: Double?

    @Option(
        help: """
            How the teacher's outputs are balanced: centering or sinkhorn-knopp. (default: centering)
            """)
    var centering: DINOLoss.Options.TargetRule?

    @Option(
        help: ArgumentHelp(
            "The outputs of a separate head for masked patches. (default: the class token's head)",
            valueName: "outputs"))
    var patchOutDim: Int?

    @Option(
        help: ArgumentHelp(
            "The share of large crops with masked patches. (default: 0.5)", valueName: "share"))
    var maskProbability: Double?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The range of the share of a crop's patches that is masked. (default: 0.1 0.5)",
            valueName: "low> <high"))
    var maskRatio: [Double] = []

    @Option(
        help: ArgumentHelp(
            "Distillation: a trained network; the student learns its features of the same crops.",
            valueName: "file"))
    var teacherWeights: String?

    @Option(
        help: ArgumentHelp(
            """
            Distillation: a folder of features of any network, which the student learns: for each \
            picture an npy file [rows, columns, channels] at the picture's path plus .npy.
            """, valueName: "dir"))
    var teacherFeatures: String?

    @Option(
        help: ArgumentHelp(
            """
            Targets for the attention, in addition to --teacher-features: npy files [rows, columns] \
            of the same names.
            """, valueName: "dir"))
    var teacherSaliency: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            A layer whose patches learn the features, or a facet of one, such as 5:key; may be \
            repeated. (default: -1)
            """, valueName: "layer"))
    var featureLayer: [LearningTap] = []

    @Option(
        help: ArgumentHelp(
            "The weight of the patches' features. (default: 1)", valueName: "number"))
    var patchWeight: Double?

    @Option(
        help: ArgumentHelp(
            "The weight of the class token's features. (default: 1)", valueName: "number"))
    var classWeight: Double?

    @Option(
        help: ArgumentHelp(
            "The weight of the class token's attention. (default: 0.1)", valueName: "number"))
    var attentionWeight: Double?

    func validate() throws {
        let weights = DistillationOptions.Bounds.weight
        try check(dinoWeight, weights, "--dino-weight")
        try check(ibotWeight, weights, "--ibot-weight")
        try check(koleoWeight, weights, "--koleo-weight")
        try check(patchOutDim, DINOHead.Options.Bounds.prototypes, "--patch-out-dim")
        try check(maskProbability, PatchMasking.Bounds.share, "--mask-probability")
        try check(maskRatio, PatchMasking.Bounds.share, "--mask-ratio")
        for tap in featureLayer {
            try check(tap.tap.layer, FeatureTap.layers, "--feature-layer")
        }
        try check(patchWeight, weights, "--patch-weight")
        try check(classWeight, weights, "--class-weight")
        try check(attentionWeight, weights, "--attention-weight")
        if teacherWeights != nil && teacherFeatures != nil {
            throw ValidationError("--teacher-weights and --teacher-features cannot be combined.")
        }
        if teacherSaliency != nil && teacherFeatures == nil {
            throw ValidationError("--teacher-saliency needs --teacher-features.")
        }
    }
}

extension ObjectiveOptions {
    /// The source of the features to learn; nil without distillation.
    func source(for pictures: PictureFolder) throws -> FeatureSource? {
        if let teacherWeights {
            let file = try WeightFile(contentsOf: teacherWeights)
            if file.headsAreAssumed {
                Note.heads(
                    of: file.path, file.configuration,
                    "to change it, write a file with weights convert --heads")
            }
            return .network(try file.network())
        }
        return try teacherFeatures.map {
            .maps(try TeacherMaps($0, saliency: teacherSaliency, of: pictures))
        }
    }

    /// Applies the given options to the training options.
    func apply(
        to options: inout DINOOptions, _ source: FeatureSource?, isBeginning: Bool
    ) throws {
        if isBeginning, let source {
            options.distillation = DistillationOptions(
                teacher: source.teacher, channels: source.channels)
            options.objectives.dino = 0
        }
        set(&options.objectives.dino, dinoWeight)
        set(&options.objectives.ibot, ibotWeight)
        set(&options.objectives.koLeo, koleoWeight)
        if options.objectives.ibot > 0 { options.network.hasMaskToken = true }
        set(&options.loss.targets, centering)
        if let patchOutDim {
            var head = options.patchHead ?? options.head
            head.prototypes = patchOutDim
            options.patchHead = head
        }
        set(&options.masking.probability, maskProbability)
        set(&options.masking.ratio, maskRatio.range)
        guard var distillation = options.distillation else {
            let hasDistillationOptions =
                !featureLayer.isEmpty || patchWeight != nil || classWeight != nil
                || attentionWeight != nil
            if hasDistillationOptions {
                throw Failure(
                    "options of distillation need --teacher-weights or --teacher-features")
            }
            return
        }
        if !featureLayer.isEmpty { distillation.taps = featureLayer.map(\.tap) }
        set(&distillation.patchWeight, patchWeight)
        set(&distillation.classWeight, classWeight)
        set(&distillation.attentionWeight, attentionWeight)
        options.distillation = distillation
    }
}
