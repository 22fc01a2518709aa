import ArgumentParser
import DINO
import ViT

// The options of `train`, in groups. All are optional: what is not given is the preset's or, on
// --resume, the run's own.

/// An architecture by name or by its numbers.
extension VisionTransformer.Configuration: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension OptimizerKind: ExpressibleByArgument {}

extension Initialization: ExpressibleByArgument {}

struct TrainedNetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "tiny, small, base, or WIDTHxDEPTHxHEADS. (default: small, or what --init-weights holds)",
            valueName: "arch"))
    var arch: VisionTransformer.Configuration?

    @Option(help: ArgumentHelp("The side of a patch. (default: 16)", valueName: "pixels"))
    var patchSize: Int?

    @Option(
        help: ArgumentHelp(
            "The head's outputs, also called prototypes: fewer for fewer pictures. (default: 65536)",
            valueName: "outputs"))
    var outDim: Int?

    @Flag(
        inversion: .prefixedNo,
        help: """
            Keep the lengths of the last layer's rows at 1; without, training is better for small \
            networks and less stable. (default: --norm-last-layer)
            """)
    var normLastLayer: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Batch normalisation in the head. (default: --no-use-bn-in-head)")
    var useBnInHead: Bool?

    @Option(
        help: ArgumentHelp(
            "How often the last block's branches are left out in training. (default: 0.1)",
            valueName: "rate"))
    var dropPath: Double?

    @Option(
        help: """
            What an untrained network starts as: plain, or mimetic, whose attention is like that of \
            trained ones (Trockman and Kolter 2023). (default: plain)
            """)
    var initialization: Initialization?

    func validate() throws {
        if let fault = arch?.faultOfSize { throw ValidationError("--arch: \(fault).") }
        try check(patchSize, VisionTransformer.Configuration.Bounds.patchSize, "--patch-size")
        try check(outDim, DINOHead.Options.Bounds.prototypes, "--out-dim")
        try check(dropPath, DINOOptions.Bounds.stochasticDepth, "--drop-path")
    }
}

struct CropOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The side of a large crop. (default: 224)", valueName: "pixels"))
    var globalCropSize: Int?

    @Option(help: ArgumentHelp("The side of a small crop. (default: 96)", valueName: "pixels"))
    var localCropSize: Int?

    @Option(
        help: ArgumentHelp(
            "Small crops of a picture, beside two large ones. (default: 8)", valueName: "number"))
    var localCrops: Int?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The shares of a picture's area that a large crop takes. (default: 0.4 1)",
            valueName: "low> <high"))
    var globalCropsScale: [Double] = []

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The same of a small crop. (default: 0.05 0.4)", valueName: "low> <high"))
    var localCropsScale: [Double] = []

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The standard deviations of the blur, in pixels of the crop. (default: 0.1 2)",
            valueName: "low> <high"))
    var blurRadius: [Double] = []

    func validate() throws {
        typealias Bounds = MultiCrop.Bounds
        try check(globalCropSize, Bounds.side, "--global-crop-size")
        try check(localCropSize, Bounds.side, "--local-crop-size")
        try check(localCrops, Bounds.localCount, "--local-crops")
        try check(globalCropsScale, Bounds.scale, "--global-crops-scale")
        try check(localCropsScale, Bounds.scale, "--local-crops-scale")
        try check(blurRadius, Bounds.blurRadius, "--blur-radius")
    }
}

struct ScheduleOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Pictures put together. (default: 64)", valueName: "pictures"))
    var batchSize: Int?

    @Option(
        help: ArgumentHelp(
            "Batches to a step, which count as one of as many pictures. (default: 1)",
            valueName: "batches"))
    var accumulate: Int?

    @Option(help: ArgumentHelp("Passes over the pictures. (default: 100)", valueName: "epochs"))
    var epochs: Int?

    @Option(help: "adamw, sgd, lars or muon. (default: adamw)")
    var optimizer: OptimizerKind?

    @Option(
        help: ArgumentHelp(
            """
            The highest learning rate for 256 pictures a step; what is used is in proportion to \
            the pictures of a step. (default: 0.0005)
            """, valueName: "rate"))
    var lr: Double?

    @Option(
        help: ArgumentHelp("The learning rate at the end. (default: 1e-6)", valueName: "rate"))
    var minLr: Double?

    @Option(
        help: ArgumentHelp(
            "Epochs in which the learning rate grows. (default: 10)", valueName: "epochs"))
    var warmupEpochs: Int?

    @Option(help: ArgumentHelp("At the start. (default: 0.04)", valueName: "decay"))
    var weightDecay: Double?

    @Option(help: ArgumentHelp("At the end. (default: 0.4)", valueName: "decay"))
    var weightDecayEnd: Double?

    @Option(
        help: ArgumentHelp(
            "The largest norm of a parameter's gradient; 0 for any. (default: 3)",
            valueName: "norm"))
    var clipGrad: Double?

    @Option(
        help: ArgumentHelp(
            "Epochs in which the head's last layer stays as it is. (default: 1)",
            valueName: "epochs"))
    var freezeLastLayer: Int?

    @Option(
        help: ArgumentHelp(
            "By what factor the rate shrinks from a block to the one before it. (default: 1)",
            valueName: "factor"))
    var layerDecay: Double?

    @Option(
        help: ArgumentHelp(
            "A further factor of the patch embedding's rate. (default: 1)", valueName: "factor"))
    var patchEmbedLr: Double?

    @Option(help: "What all that is drawn by lot follows from. (default: 0)")
    var seed: UInt64?

    func validate() throws {
        typealias Bounds = DINOOptions.Bounds
        try check(batchSize, TrainingConfiguration.Bounds.batchSize, "--batch-size")
        try check(accumulate, TrainingConfiguration.Bounds.accumulation, "--accumulate")
        try check(epochs, Bounds.epochs, "--epochs")
        try check(warmupEpochs, Bounds.warmupEpochs, "--warmup-epochs")
        try check(freezeLastLayer, Bounds.frozenEpochs, "--freeze-last-layer")
        try check(lr, Bounds.learningRate, "--lr")
        try check(minLr, Bounds.learningRate, "--min-lr")
        try check(weightDecay, Bounds.weightDecay, "--weight-decay")
        try check(weightDecayEnd, Bounds.weightDecay, "--weight-decay-end")
        try check(clipGrad, Bounds.gradientClip, "--clip-grad")
        try check(layerDecay, ParameterRules.Bounds.factor, "--layer-decay")
        try check(patchEmbedLr, ParameterRules.Bounds.factor, "--patch-embed-lr")
    }
}

struct TeacherOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            How much of the teacher stays at each step, at the start; higher for small batches, \
            lower for short runs. (default: 0.996)
            """, valueName: "part"))
    var momentumTeacher: Double?

    @Option(
        help: ArgumentHelp(
            "The teacher's temperature: above 0.07 mostly unstable. (default: 0.04)",
            valueName: "number"))
    var teacherTemp: Double?

    @Option(
        help: ArgumentHelp(
            "The same at the start: lower it where the loss does not fall. (default: 0.04)",
            valueName: "number"))
    var warmupTeacherTemp: Double?

    @Option(
        help: ArgumentHelp(
            "Epochs from the one to the other. (default: 0)", valueName: "epochs"))
    var warmupTeacherTempEpochs: Int?

    @Option(
        help: ArgumentHelp(
            """
            How much of the centre of the teacher's outputs stays at each step; 1 for no centring. \
            (default: 0.9)
            """, valueName: "part"))
    var centerMomentum: Double?

    func validate() throws {
        typealias Bounds = DINOLoss.Options.Bounds
        try check(momentumTeacher, DINOOptions.Bounds.momentum, "--momentum-teacher")
        try check(teacherTemp, Bounds.temperature, "--teacher-temp")
        try check(warmupTeacherTemp, Bounds.temperature, "--warmup-teacher-temp")
        try check(warmupTeacherTempEpochs, Bounds.warmupEpochs, "--warmup-teacher-temp-epochs")
        try check(centerMomentum, Bounds.centreMomentum, "--center-momentum")
    }
}
