import ArgumentParser
import DINO
import ViT

// The options of `train`, in groups. All are optional: the defaults are the preset's or, with --resume,
// the run's own.

extension VisionTransformer.Configuration: ExpressibleByArgument {
    /// Parses an architecture by name or as `WIDTHxDEPTHxHEADS`.
    public init?(argument: String) { self.init(argument) }
}

extension OptimizerKind: ExpressibleByArgument {}

extension Initialization: ExpressibleByArgument {}

struct TrainedNetworkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "tiny, small, base, or WIDTHxDEPTHxHEADS. (default: small, or that of --init-weights)",
            valueName: "arch"))
    var arch: VisionTransformer.Configuration?

    @Option(help: ArgumentHelp("The side of a patch. (default: 16)", valueName: "pixels"))
    var patchSize: Int?

    @Option(
        help: ArgumentHelp(
            "The head's outputs (prototypes); use fewer for fewer pictures. (default: 65536)",
            valueName: "outputs"))
    var outDim: Int?

    @Flag(
        inversion: .prefixedNo,
        help: """
            Fix the norms of the last layer's rows at 1; without it small networks train better but \
            less stably. (default: --norm-last-layer)
            """)
    var normLastLayer: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Use batch normalisation in the head. (default: --no-use-bn-in-head)")
    var useBnInHead: Bool?

    @Option(
        help: ArgumentHelp(
            "The probability of dropping the last block's branches in training. (default: 0.1)",
            valueName: "rate"))
    var dropPath: Double?

    @Option(
        help: """
            The initialisation of a new network: plain, or mimetic, whose attention resembles that of \
            trained networks (Trockman and Kolter 2023). (default: plain)
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
            "Small crops per picture, in addition to two large ones. (default: 8)",
            valueName: "number"))
    var localCrops: Int?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The range of a large crop's share of the picture's area. (default: 0.4 1)",
            valueName: "low> <high"))
    var globalCropsScale: [Double] = []

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The range of a small crop's share of the picture's area. (default: 0.05 0.4)",
            valueName: "low> <high"))
    var localCropsScale: [Double] = []

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The range of the blur's standard deviation, in pixels of the crop. (default: 0.1 2)",
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
    @Option(help: ArgumentHelp("Pictures per batch. (default: 64)", valueName: "pictures"))
    var batchSize: Int?

    @Option(
        help: ArgumentHelp(
            "Batches accumulated into one step. (default: 1)",
            valueName: "batches"))
    var accumulate: Int?

    @Option(
        help: ArgumentHelp(
            """
            The number of shares of a step's pictures, a power of two: up to that many processes can train \
            together, with the same results. (default: 1; for several processes 8, or their number if it \
            is larger)
            """, valueName: "shares"))
    var shares: Int?

    @Option(help: ArgumentHelp("Passes over the pictures. (default: 100)", valueName: "epochs"))
    var epochs: Int?

    @Option(help: "adamw, sgd, lars or muon. (default: adamw)")
    var optimizer: OptimizerKind?

    @Option(
        help: ArgumentHelp(
            """
            The peak learning rate for 256 pictures per step; scaled in proportion to the pictures \
            per step. (default: 0.0005)
            """, valueName: "rate"))
    var lr: Double?

    @Option(
        help: ArgumentHelp("The final learning rate. (default: 1e-6)", valueName: "rate"))
    var minLr: Double?

    @Option(
        help: ArgumentHelp(
            "Epochs of linear warm-up of the learning rate. (default: 10)", valueName: "epochs"))
    var warmupEpochs: Int?

    @Option(help: ArgumentHelp("The initial weight decay. (default: 0.04)", valueName: "decay"))
    var weightDecay: Double?

    @Option(help: ArgumentHelp("The final weight decay. (default: 0.4)", valueName: "decay"))
    var weightDecayEnd: Double?

    @Option(
        help: ArgumentHelp(
            "The maximum norm of each parameter's gradient; 0 for no limit. (default: 3)",
            valueName: "norm"))
    var clipGrad: Double?

    @Option(
        help: ArgumentHelp(
            "Epochs for which the head's last layer is frozen. (default: 1)",
            valueName: "epochs"))
    var freezeLastLayer: Int?

    @Option(
        help: ArgumentHelp(
            "The learning rate's factor from each block to the preceding one. (default: 1)",
            valueName: "factor"))
    var layerDecay: Double?

    @Option(
        help: ArgumentHelp(
            "An additional factor of the patch embedding's learning rate. (default: 1)",
            valueName: "factor"))
    var patchEmbedLr: Double?

    @Option(help: "Seed of all random choices. (default: 0)")
    var seed: UInt64?

    func validate() throws {
        typealias Bounds = DINOOptions.Bounds
        try check(batchSize, TrainingConfiguration.Bounds.batchSize, "--batch-size")
        try check(accumulate, TrainingConfiguration.Bounds.accumulation, "--accumulate")
        try check(shares, Bounds.shares, "--shares")
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
            The teacher's initial momentum, the share of it that each step keeps; higher for small \
            batches, lower for short runs. (default: 0.996)
            """, valueName: "part"))
    var momentumTeacher: Double?

    @Option(
        help: ArgumentHelp(
            "The teacher's temperature; usually unstable above 0.07. (default: 0.04)",
            valueName: "number"))
    var teacherTemp: Double?

    @Option(
        help: ArgumentHelp(
            "The teacher's initial temperature; lower it if the loss does not fall. (default: 0.04)",
            valueName: "number"))
    var warmupTeacherTemp: Double?

    @Option(
        help: ArgumentHelp(
            "Epochs from the initial to the final temperature. (default: 0)", valueName: "epochs"))
    var warmupTeacherTempEpochs: Int?

    @Option(
        help: ArgumentHelp(
            """
            The momentum of the centre of the teacher's outputs; 1 for no centring. (default: 0.9)
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
