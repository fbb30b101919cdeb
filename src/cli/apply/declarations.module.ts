import { Module } from '@nestjs/common';
import { ApplyDeclaration } from '../../declarations/apply-declaration.js';

/** The use case of declarations/, for the two commands that need it. */
@Module({ providers: [ApplyDeclaration] })
export class DeclarationsModule {}
