// swift-tools-version: 6.1

import PackageDescription

// The implementation of MPI, by the name of its pkg-config file: `ompi-c` or `mpich`. `mpi` is the one that Debian's
// alternatives choose (`update-alternatives --config mpi-x86_64-linux-gnu`). Where the environment names one, the trait is
// enabled by default.
let mpi = Context.environment["DINO_VIT_MPI"]

let package = Package(
    name: "dino-vit",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Tensors", targets: ["Tensors"]),
        .library(name: "Images", targets: ["Images"]),
        .library(name: "ViT", targets: ["ViT"]),
        .library(name: "DINO", targets: ["DINO"]),
        .library(name: "Descriptors", targets: ["Descriptors"]),
        .library(name: "MessagePassing", targets: ["MessagePassing"]),
        .executable(name: "dino-vit", targets: ["dino-vit"]),
    ],
    traits: [
        .trait(
            name: "MPI", description: "Several processes, on one or several machines, through MPI."),
        .default(enabledTraits: mpi == nil ? [] : ["MPI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        // The basis of the package: C libraries of the system, and its own vector kernels.
        .systemLibrary(name: "CBLAS", providers: [.apt(["libblas-dev", "liblapacke-dev"])]),
        .systemLibrary(
            name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CJPEG", pkgConfig: "libjpeg",
            providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
        .systemLibrary(
            name: "CMPILibrary", pkgConfig: mpi ?? "mpi",
            providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),
        .target(name: "CKernels"),
        // The functions of MPI that are used; empty without the trait, since a root package builds all its targets.
        .target(
            name: "CMPI",
            dependencies: [.target(name: "CMPILibrary", condition: .when(traits: ["MPI"]))],
            cSettings: [.define("DINO_VIT_MPI", .when(traits: ["MPI"]))]),
        // For the program alone: a library does not change the process's signals.
        .target(name: "CHangup"),
        // Decoders whose errors are long jumps, kept in C, and the resampling kernels.
        .target(name: "CImages", dependencies: ["CPNG", "CJPEG"]),

        // The layers. A target depends only on those above it in this list.
        .target(name: "Platform"),
        .target(name: "Tensors", dependencies: ["CKernels", "CBLAS", "Platform"]),
        .target(
            name: "MessagePassing",
            dependencies: [
                "Tensors", "Platform",
                .target(name: "CMPI", condition: .when(traits: ["MPI"])),
            ]),
        .target(name: "Images", dependencies: ["CImages", "Platform"]),
        .target(
            name: "ViT", dependencies: ["Tensors", "Images", "Platform"],
            resources: [.copy("Resources/default.safetensors")]),
        .target(name: "DINO", dependencies: ["ViT", "Tensors", "Images", "Platform"]),
        .target(name: "Descriptors", dependencies: ["ViT", "Tensors", "Images", "Platform"]),

        // Synthetic pictures with ground truth, for the program, the examples and the tests.
        .target(name: "Synthesis", dependencies: ["Tensors", "Images", "Platform"]),
        // Scores of features, for the quickstart and for the table of the default weights.
        .target(
            name: "Scores",
            dependencies: [
                "DINO", "Descriptors", "Synthesis", "ViT", "Tensors", "Images", "Platform",
            ]),

        .executableTarget(
            name: "dino-vit",
            dependencies: [
                "DINO", "Descriptors", "Synthesis", "ViT", "Images", "Tensors", "Platform",
                "MessagePassing", "CHangup",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Examples/dino-vit"),
        .executableTarget(
            name: "correspondences", dependencies: ["Descriptors", "ViT", "Images"],
            path: "Examples/correspondences"),
        .executableTarget(
            name: "cosegmentation", dependencies: ["Descriptors", "ViT", "Images"],
            path: "Examples/cosegmentation"),
        .executableTarget(
            name: "parts", dependencies: ["Descriptors", "ViT", "Images"],
            path: "Examples/parts"),
        .executableTarget(
            name: "pca", dependencies: ["Descriptors", "ViT", "Images"],
            path: "Examples/pca"),
        .executableTarget(
            name: "training", dependencies: ["DINO", "Images"], path: "Examples/training"),
        .executableTarget(
            name: "quickstart-report",
            dependencies: [
                "DINO", "Descriptors", "Scores", "Synthesis", "ViT", "Tensors", "Images",
                "Platform",
            ],
            path: "Examples/quickstart-report"),
        // Here, because the nested package of benchmarks sees only products.
        .executableTarget(
            name: "quality",
            dependencies: [
                "Scores", "Synthesis", "DINO", "Descriptors", "ViT", "Images", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/quality"),

        // Times the exchanges of training processes in a step.
        .executableTarget(
            name: "communication",
            dependencies: [
                "MessagePassing", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/communication"),

        // Passes changed files through every reader, for any length of time: see Tests/mutate.
        .executableTarget(
            name: "mutations",
            dependencies: [
                "DINO", "Descriptors", "ViT", "Images", "Tensors", "Platform",
            ],
            path: "Tests/mutations"),

        .testTarget(name: "PlatformTests", dependencies: ["Platform"]),
        .testTarget(
            name: "TensorsTests", dependencies: ["Tensors", "CKernels"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ImagesTests", dependencies: ["Images", "CImages", "Platform"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ViTTests", dependencies: ["ViT", "Tensors", "Images"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "DINOTests", dependencies: ["DINO", "ViT", "Tensors", "Images"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "DescriptorsTests", dependencies: ["Descriptors", "ViT", "Tensors", "Images"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ScoresTests",
            dependencies: ["Scores", "Descriptors", "DINO", "ViT", "Tensors", "Images"],
            exclude: ["Fixtures"]),
        .testTarget(name: "SynthesisTests", dependencies: ["Synthesis", "Images", "Tensors"]),
        // The code of Docs/Tutorials: like a client's, it uses only the public API.
        .testTarget(
            name: "TutorialTests",
            dependencies: ["DINO", "Descriptors", "ViT", "Tensors", "Images"],
            packageAccess: false),
        // All layers together, as a program uses them.
        .testTarget(
            name: "LibraryTests", dependencies: ["DINO", "Descriptors", "ViT", "Tensors", "Images"]),
        .testTarget(
            name: "ProgramTests",
            dependencies: [
                "dino-vit", "correspondences", "cosegmentation", "parts", "pca", "training", "DINO",
                "Descriptors", "ViT", "Tensors", "Images",
            ],
            exclude: ["Fixtures"]),
    ]
)
